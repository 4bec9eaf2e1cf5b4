import type { Step } from './search.ts';
import {
  arrivalKey,
  everythingOf,
  inRedisOf,
  isGone,
  isLogged,
  isQueued,
  onTheWay,
  prefixOf,
  type Stall,
  type StallEvent,
  type State,
} from './stallState.ts';

// What may happen next to a coupon over several stalls: customers and moves, the log, faults, and what people decide.

/** Rules that are broken on purpose: the search must notice each of them. */
export interface BrokenRules {
  soldOutOfOneStall?: boolean;
  soldOutOfDecidedGrabs?: boolean;
  arrivalTwice?: boolean;
  arrivalBeforeCommit?: boolean;
  holderCheckWhereServed?: boolean;
  lostArrivalForgotten?: boolean;
  releaseAtAnotherStall?: boolean;
  answerBeforeReplica?: boolean;
  promotedReplicaSellsAtOnce?: boolean;
}

export interface Sale {
  /** The pieces that each stall has at the start. */
  pieces: readonly number[];
  customers: number;
  perCustomer: number;
  /** How often each of these may happen. */
  most: Partial<State['left']>;
}

export const homeOf = ({ pieces }: Sale, customer: number) => customer % pieces.length;
export const everyone = ({ customers }: Sale) => Array.from({ length: customers }, (_, customer) => customer);

export function stepsFrom(state: State, sale: Sale, broken: BrokenRules): Step<State>[] {
  const turn = createTurn(state);
  for (const customer of everyone(sale)) addCustomer(turn, customer, sale, broken);
  for (const at of state.stalls.keys()) {
    addMovesAndLog(turn, at, broken);
    addFailoverAndPause(turn, at, broken);
  }
  addWhatMayNeverHappen(turn, sale, broken);
  return turn.steps;
}

/** The steps from one state, while they are collected. */
function createTurn(state: State) {
  const { stalls, left } = state;
  const steps: Step<State>[] = [];
  const redis = stalls.map(inRedisOf);
  const withStall = (at: number, change: Partial<Stall>): readonly Stall[] =>
    stalls.map((stall, place) => (place === at ? { ...stall, ...change } : stall));
  return {
    ...{ state, stalls, left, steps, withStall },
    redisOf: (at: number) => redis[at] as ReturnType<typeof inRedisOf>,
    /** The script of a stall decides an event. */
    append(at: number, event: StallEvent): readonly Stall[] {
      const stall = stalls[at] as Stall;
      const events = [...stall.events.slice(0, stall.inRedis), event];
      return withStall(at, { events, inRedis: events.length });
    },
    add: (label: string, next: Partial<State>, mayNeverHappen = false) =>
      void steps.push({ label, next: { ...state, ...next }, mayNeverHappen }),
    spend: (what: keyof State['left']) => ({ left: { ...left, [what]: left[what] - 1 } }),
  };
}
type Turn = ReturnType<typeof createTurn>;

/** The moves to a stall that it has not taken yet, of the logs or of whatever `read` reads. */
function comingTo({ stalls, state, redisOf }: Turn, to: number, broken: BrokenRules, read: typeof prefixOf) {
  const taken = broken.lostArrivalForgotten ? state.remembered : redisOf(to).arrivals;
  return stalls.flatMap((giver, from) =>
    read(giver)
      .moves.filter((move) => move.to === to && !taken.includes(arrivalKey(from, move.version)))
      .map(({ version, pieces }) => ({ from, version, pieces })),
  );
}

/** A customer grabs at the home stall; where it has no piece, it asks another stall, or says that the coupon is sold out. */
function addCustomer(turn: Turn, customer: number, sale: Sale, broken: BrokenRules): void {
  const { state, stalls, left, redisOf, append, add, spend } = turn;
  const home = homeOf(sale, customer);
  const mayHold = (at: number) => (redisOf(at).holders.get(customer) ?? 0) < sale.perCustomer;
  const grab = (at: number) => {
    const fault = state.soldOutSaid ? { fault: 'a grab won after sold-out was answered' } : {};
    add(`customer ${customer} grabs at stall ${at}`, { stalls: append(at, { type: 'grabbed', customer }), ...fault });
  };
  if (!stalls[home]?.isOpen || redisOf(home).isPaused) return;
  if (redisOf(home).left > 0) {
    if (mayHold(home)) grab(home);
    return;
  }
  if (broken.holderCheckWhereServed) {
    for (const [at, { isOpen }] of stalls.entries()) if (isOpen && redisOf(at).left > 0 && mayHold(at)) grab(at);
    return;
  }
  if (!mayHold(home)) return;
  const isUnderWay = comingTo(turn, home, broken, everythingOf).length > 0;
  for (const [from, giver] of stalls.entries()) {
    const pieces = Math.ceil(redisOf(from).left / 2);
    if (from === home || !giver.isOpen || pieces < 1 || left.moves === 0 || isUnderWay) continue;
    const moved = append(from, { type: 'moved', to: home, pieces });
    add(`stall ${from} gives ${pieces} to stall ${home}`, { stalls: moved, ...spend('moves') });
  }
  if (state.soldOutSaid || !isSoldOut(stalls, broken) || hasUnloggedPiece(stalls)) return;
  const parts = stalls.map(everythingOf);
  const isFalse = parts.reduce((sum, part) => sum + part.left, 0) + onTheWay(parts) > 0;
  const fault = isFalse ? { fault: 'sold-out was answered while pieces are left' } : {};
  add(`customer ${customer} gets sold-out`, { soldOutSaid: true, ...fault });
}

/** Whether a stall without a piece may say that the coupon is sold out. */
function isSoldOut(stalls: readonly Stall[], broken: BrokenRules): boolean {
  if (broken.soldOutOfOneStall) return true;
  const parts = stalls.map(broken.soldOutOfDecidedGrabs ? inRedisOf : prefixOf);
  return parts.reduce((sum, { pieces, held }) => sum + pieces - held, 0) === 0;
}

/** A piece that was given back or added a moment ago counts from its COMMIT on: the one relaxed order. No answer is judged until then. */
const hasUnloggedPiece = (stalls: readonly Stall[]) =>
  stalls.some((stall) =>
    stall.events.some(
      ({ type }, place) =>
        (type === 'released' || type === 'restocked') && !isLogged(stall, place) && !isGone(stall, place),
    ),
  );

/** Pieces arrive, a replica has what Redis has, MySQL gets events in any order, a promoted replica is reconciled. */
function addMovesAndLog(turn: Turn, at: number, broken: BrokenRules): void {
  const { state, stalls, redisOf, withStall, append, add } = turn;
  const stall = stalls[at] as Stall;
  if (stall.isOpen) {
    const first = comingTo(turn, at, broken, broken.arrivalBeforeCommit ? inRedisOf : prefixOf).slice(0, 1);
    const timesTaken = (from: number, version: number) =>
      redisOf(at).arrivals.filter((one) => one === arrivalKey(from, version)).length;
    const again = broken.arrivalTwice
      ? stalls.flatMap((giver, from) =>
          prefixOf(giver)
            .moves.filter(({ to, version }) => to === at && timesTaken(from, version) === 1)
            .map((move) => ({ ...move, from })),
        )
      : [];
    for (const { from, version, pieces } of [...first, ...again]) {
      const remembered = broken.lostArrivalForgotten ? [...state.remembered, arrivalKey(from, version)] : [];
      const taken = append(at, { type: 'arrived', from, version, pieces });
      add(`${pieces} of stall ${from} arrive at stall ${at}`, { stalls: taken, remembered });
    }
    if (stall.acknowledged < stall.inRedis)
      add(`stall ${at} is answered for`, { stalls: withStall(at, { acknowledged: stall.inRedis }) });
  } else {
    const mustWait = stall.events.some(
      (_, place) => place >= stall.inRedis && isQueued(stall, place) && !isLogged(stall, place),
    );
    if (!mustWait) add(`stall ${at} is reconciled`, { stalls: withStall(at, reconciled(stall)) });
  }
  for (const [place, { type }] of stall.events.entries()) {
    const isThere = isQueued(stall, place) || (stall.isOpen && place < stall.inRedis);
    const logged = stall.logged | (1 << place);
    if (isThere && !isLogged(stall, place))
      add(`MySQL has version ${place + 1} of stall ${at}, ${type}`, { stalls: withStall(at, { logged }) });
  }
}

/** What reconcile makes of a promoted replica: the events of the log, and a recount for each version that nobody has. */
function reconciled(stall: Stall): Partial<Stall> {
  let end = stall.events.length;
  while (end > stall.inRedis && isGone(stall, end - 1)) end--;
  let { logged } = stall;
  const events = stall.events.slice(0, end).map((event, place): StallEvent => {
    if (!isGone(stall, place)) return event;
    logged |= 1 << place;
    return { type: 'recounted' };
  });
  return { events, inRedis: end, logged, queuedFrom: Math.min(stall.queuedFrom, end), isOpen: true };
}

function addFailoverAndPause(
  { stalls, left, redisOf, withStall, append, add, spend }: Turn,
  at: number,
  broken: BrokenRules,
) {
  const { isOpen, inRedis, acknowledged } = stalls[at] as Stall;
  if (!isOpen) return;
  // A replica has the events up to any place, but everything that was answered.
  const least = broken.answerBeforeReplica ? 0 : acknowledged;
  for (let kept = least; left.failovers > 0 && kept <= inRedis; kept++) {
    const promoted = withStall(at, { inRedis: kept, isOpen: broken.promotedReplicaSellsAtOnce ?? false });
    const label = `a replica of stall ${at} with ${kept} of ${inRedis} events takes over`;
    add(label, { stalls: promoted, ...spend('failovers') }, true);
  }
  const { isPaused } = redisOf(at);
  if (left.pauses > 0 && !isPaused)
    add(`stall ${at} is paused`, { stalls: append(at, { type: 'paused' }), ...spend('pauses') }, true);
  if (isPaused) add(`stall ${at} is resumed`, { stalls: append(at, { type: 'resumed' }) }, true);
}

function addWhatMayNeverHappen(
  { stalls, left, redisOf, append, add, spend }: Turn,
  sale: Sale,
  broken: BrokenRules,
): void {
  if (left.crashes > 0) {
    const forgotten = stalls.map((stall) => ({ ...stall, queuedFrom: stall.events.length }));
    add('the app processes die', { stalls: forgotten, ...spend('crashes') }, true);
  }
  if (left.restocks > 0 && stalls[0]?.isOpen) {
    const restocked = append(0, { type: 'restocked', pieces: 1 });
    add('one piece is added at stall 0', { stalls: restocked, ...spend('restocks'), soldOutSaid: false }, true);
  }
  for (const customer of everyone(sale)) {
    const home = homeOf(sale, customer);
    const at = broken.releaseAtAnotherStall ? (home + 1) % stalls.length : home;
    if (left.releases === 0 || !stalls[home]?.isOpen || !stalls[at]?.isOpen) continue;
    if ((redisOf(home).holders.get(customer) ?? 0) === 0) continue;
    const released = append(at, { type: 'released', customer });
    const label = `customer ${customer} gives a piece back at stall ${at}`;
    add(label, { stalls: released, ...spend('releases'), soldOutSaid: false }, true);
  }
}
