// The state of one coupon over several stalls. A stall is a part of the coupon with a partition, versions and a log of its own. The home
// stall of a customer remembers what the customer holds. Redis and the log are lists of events; everything else follows from them.

export type StallEvent =
  | { type: 'grabbed' | 'released'; customer: number }
  | { type: 'moved'; to: number; pieces: number }
  /** `version`: that of the move in the stall that gave the pieces. */
  | { type: 'arrived'; from: number; version: number; pieces: number }
  | { type: 'restocked'; pieces: number }
  | { type: 'paused' | 'resumed' }
  /** Stands for a version that was lost although a later one is in the log. */
  | { type: 'recounted' };

export interface Stall {
  initial: number;
  /** Version 1 is at place 0. */
  events: readonly StallEvent[];
  /** Redis has this many of the events: all of them, until a replica is promoted. */
  inRedis: number;
  /** This many are on the replica and were answered. */
  acknowledged: number;
  /** The places of events that MySQL has, as bits. */
  logged: number;
  /** From this place on, a living process has the events in its queue. */
  queuedFrom: number;
  /** False from the promotion of a replica until it has been reconciled. */
  isOpen: boolean;
}

export interface State {
  stalls: readonly Stall[];
  /** What may still happen, so that the number of states has an end. */
  left: { failovers: number; crashes: number; moves: number; restocks: number; releases: number; pauses: number };
  /** A customer got `sold-out`, and no piece was given back or added since. */
  soldOutSaid: boolean;
  /** Arrivals that a process remembers; only a broken rule uses them. */
  remembered: readonly string[];
  /** A step that must never happen has happened. */
  fault?: string;
}

export const isLogged = ({ logged }: Stall, place: number) => (logged & (1 << place)) !== 0;
export const isQueued = ({ queuedFrom }: Stall, place: number) => place >= queuedFrom;
/** Neither Redis nor MySQL nor a process has the event any more. */
export const isGone = (stall: Stall, place: number) =>
  place >= stall.inRedis && !isLogged(stall, place) && !isQueued(stall, place);

export const arrivalKey = (from: number, version: number) => `${from}.${version}`;

/** What the events add up to. */
export function foldOf(stall: Stall, counts: (place: number) => boolean) {
  const holders = new Map<number, number>();
  const moves: { version: number; to: number; pieces: number }[] = [];
  const arrivals: string[] = [];
  let [left, pieces, isPaused, grabbedWhilePaused] = [stall.initial, stall.initial, false, false];
  for (const [place, event] of stall.events.entries()) {
    if (!counts(place)) continue;
    switch (event.type) {
      case 'grabbed':
        left--;
        holders.set(event.customer, (holders.get(event.customer) ?? 0) + 1);
        grabbedWhilePaused ||= isPaused;
        break;
      case 'released':
        left++;
        holders.set(event.customer, Math.max(0, (holders.get(event.customer) ?? 0) - 1));
        break;
      case 'moved':
        left -= event.pieces;
        moves.push({ version: place + 1, to: event.to, pieces: event.pieces });
        break;
      case 'arrived':
        left += event.pieces;
        arrivals.push(arrivalKey(event.from, event.version));
        break;
      case 'restocked':
        left += event.pieces;
        pieces += event.pieces;
        break;
      case 'paused':
      case 'resumed':
        isPaused = event.type === 'paused';
        break;
      case 'recounted':
        break;
      default:
        event satisfies never;
    }
  }
  const held = [...holders.values()].reduce((sum, count) => sum + count, 0);
  return { left, pieces, held, holders, moves, arrivals, isPaused, grabbedWhilePaused };
}

/** Most states share their stalls with other states, and a stall never changes. */
function onceForEach<Value>(compute: (stall: Stall) => Value): (stall: Stall) => Value {
  const known = new WeakMap<Stall, Value>();
  return (stall) => {
    const value = known.get(stall) ?? compute(stall);
    known.set(stall, value);
    return value;
  };
}

/** The stall as its Redis has it. */
export const inRedisOf = onceForEach((stall) => foldOf(stall, (place) => place < stall.inRedis));
/** All events that somebody still has. */
export const everythingOf = onceForEach((stall) => foldOf(stall, (place) => !isGone(stall, place)));

/** The events from version 1 on that MySQL has without a gap. */
export const prefixOf = onceForEach((stall) => {
  let end = 0;
  while (isLogged(stall, end)) end++;
  return foldOf(stall, (place) => place < end);
});

/** The pieces that have left a stall and not arrived at another one. */
export function onTheWay(parts: readonly Pick<ReturnType<typeof foldOf>, 'moves' | 'arrivals'>[]): number {
  const arrived = parts.flatMap(({ arrivals }) => arrivals);
  return parts
    .flatMap(({ moves }, from) => moves.filter(({ version }) => !arrived.includes(arrivalKey(from, version))))
    .reduce((sum, { pieces }) => sum + pieces, 0);
}

const textOf = (event: StallEvent): string => {
  switch (event.type) {
    case 'grabbed':
      return `g${event.customer}`;
    case 'released':
      return `r${event.customer}`;
    case 'moved':
      return `m${event.to}.${event.pieces}`;
    case 'arrived':
      return `a${event.from}.${event.version}.${event.pieces}`;
    case 'restocked':
      return `s${event.pieces}`;
    case 'paused':
      return 'p';
    case 'resumed':
      return 'q';
    case 'recounted':
      return 'x';
    default:
      return event satisfies never;
  }
};

const stallText = onceForEach(
  ({ events, inRedis, acknowledged, logged, queuedFrom, isOpen }) =>
    `${events.map(textOf).join()}/${inRedis}/${acknowledged}/${logged}/${queuedFrom}/${isOpen ? 1 : 0}`,
);

export const keyOf = ({ stalls, left, soldOutSaid, remembered, fault }: State) =>
  [...stalls.map(stallText), Object.values(left).join(), soldOutSaid ? 1 : 0, remembered.join(), fault ?? ''].join(' ');
