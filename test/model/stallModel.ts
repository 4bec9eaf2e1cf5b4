import type { Model, Step } from './search.ts';
import {
  arrivalKey,
  everythingOf,
  inRedisOf,
  isGone,
  isLogged,
  isQueued,
  keyOf,
  prefixOf,
  type Stall,
  type StallEvent,
  type State,
} from './stallState.ts';

// One coupon over several stalls: the rules of docs/decisions/0032-one-hot-coupon.md, and what must always hold.

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

export function stallModel({ pieces, customers, perCustomer, most }: Sale, broken: BrokenRules = {}): Model<State> {
  const homeOf = (customer: number) => customer % pieces.length;
  const everyone = Array.from({ length: customers }, (_, customer) => customer);
  const initial: State = {
    stalls: pieces.map((initial) => ({
      ...{ initial, events: [], inRedis: 0, acknowledged: 0, logged: 0, queuedFrom: 0, isOpen: true },
    })),
    left: { failovers: 0, crashes: 0, moves: 0, restocks: 0, releases: 0, pauses: 0, ...most },
    soldOutSaid: false,
    remembered: [],
  };

  /** The moves to a stall that it has not taken yet, of the logs or, with a broken rule, of Redis. */
  const comingTo = (state: State, to: number, read: (stall: Stall) => Pick<ReturnType<typeof prefixOf>, 'moves'>) => {
    const stall = state.stalls[to] as Stall;
    const taken = broken.lostArrivalForgotten ? state.remembered : inRedisOf(stall).arrivals;
    return state.stalls.flatMap((giver, from) =>
      read(giver)
        .moves.filter((move) => move.to === to && !taken.includes(arrivalKey(from, move.version)))
        .map(({ version, pieces }) => ({ from, version, pieces })),
    );
  };

  const stepsFrom = (state: State): Step<State>[] => {
    const { stalls, left } = state;
    const steps: Step<State>[] = [];
    const withStall = (at: number, change: Partial<Stall>): readonly Stall[] =>
      stalls.map((stall, place) => (place === at ? { ...stall, ...change } : stall));
    /** The script of a stall decides an event. */
    const append = (at: number, event: StallEvent) => {
      const stall = stalls[at] as Stall;
      const events = [...stall.events.slice(0, stall.inRedis), event];
      return withStall(at, { events, inRedis: events.length });
    };
    const add = (label: string, next: Partial<State>, mayNeverHappen = false) =>
      steps.push({ label, next: { ...state, ...next }, mayNeverHappen });
    const spend = (what: keyof State['left']) => ({ left: { ...left, [what]: left[what] - 1 } });
    const redis = stalls.map(inRedisOf);
    const redisOf = (at: number) => redis[at] as ReturnType<typeof inRedisOf>;
    const grab = (customer: number, at: number) => {
      const fault = state.soldOutSaid ? { fault: 'a grab won after sold-out was answered' } : {};
      add(`customer ${customer} grabs at stall ${at}`, { stalls: append(at, { type: 'grabbed', customer }), ...fault });
    };

    for (const customer of everyone) {
      const home = homeOf(customer);
      const { holders, isPaused, left: atHome } = redisOf(home);
      if (!stalls[home]?.isOpen || isPaused) continue;
      const mayHold = (held: number | undefined) => (held ?? 0) < perCustomer;
      if (atHome > 0) {
        if (mayHold(holders.get(customer))) grab(customer, home);
        continue;
      }
      if (broken.holderCheckWhereServed) {
        for (const [at, stall] of stalls.entries())
          if (stall.isOpen && redisOf(at).left > 0 && mayHold(redisOf(at).holders.get(customer))) grab(customer, at);
        continue;
      }
      if (!mayHold(holders.get(customer))) continue;
      const isUnderWay = comingTo(state, home, everythingOf).length > 0;
      for (const [from, giver] of stalls.entries()) {
        const pieces = Math.ceil(redisOf(from).left / 2);
        if (from === home || !giver.isOpen || pieces < 1 || left.moves === 0 || isUnderWay) continue;
        const moved = append(from, { type: 'moved', to: home, pieces });
        add(`stall ${from} gives ${pieces} to stall ${home}`, { stalls: moved, ...spend('moves') });
      }
      if (!state.soldOutSaid && isSoldOut(state)) {
        // A piece that was given back or added a moment ago counts from its COMMIT on: the one relaxed order.
        const isRelaxed = stalls.some((stall) =>
          stall.events.some(
            ({ type }, place) =>
              (type === 'released' || type === 'restocked') && !isLogged(stall, place) && !isGone(stall, place),
          ),
        );
        if (!isRelaxed) {
          const fault = piecesToSell(state) > 0 ? { fault: 'sold-out was answered while pieces are left' } : {};
          add(`customer ${customer} gets sold-out`, { soldOutSaid: true, ...fault });
        }
      }
    }

    for (const [at, stall] of stalls.entries()) {
      if (stall.isOpen) {
        const read = broken.arrivalBeforeCommit ? inRedisOf : prefixOf;
        const first = comingTo(state, at, read)[0];
        const again =
          broken.arrivalTwice &&
          stalls
            .flatMap((giver, from) => prefixOf(giver).moves.map((move) => ({ ...move, from })))
            .find(
              ({ to, from, version }) =>
                to === at && redisOf(at).arrivals.filter((one) => one === arrivalKey(from, version)).length === 1,
            );
        for (const coming of [first, again || undefined]) {
          if (coming === undefined) continue;
          const { from, version, pieces } = coming;
          const remembered = broken.lostArrivalForgotten
            ? { remembered: [...state.remembered, arrivalKey(from, version)] }
            : {};
          const stalls = append(at, { type: 'arrived', from, version, pieces });
          add(`${pieces} of stall ${from} arrive at stall ${at}`, { stalls, ...remembered });
        }
        if (stall.acknowledged < stall.inRedis)
          add(`stall ${at} is answered for`, { stalls: withStall(at, { acknowledged: stall.inRedis }) });
      } else if (
        !stall.events.some((_, place) => place >= stall.inRedis && isQueued(stall, place) && !isLogged(stall, place))
      )
        add(`stall ${at} is reconciled`, { stalls: withStall(at, reconciled(stall)) });
      for (const [place, { type }] of stall.events.entries())
        if (!isLogged(stall, place) && (isQueued(stall, place) || (stall.isOpen && place < stall.inRedis)))
          add(`MySQL has version ${place + 1} of stall ${at}, ${type}`, {
            stalls: withStall(at, { logged: stall.logged | (1 << place) }),
          });
      if (!stall.isOpen) continue;
      if (left.failovers > 0)
        for (let kept = broken.answerBeforeReplica ? 0 : stall.acknowledged; kept <= stall.inRedis; kept++)
          add(
            `a replica of stall ${at} with ${kept} of ${stall.inRedis} events takes over`,
            {
              stalls: withStall(at, { inRedis: kept, isOpen: broken.promotedReplicaSellsAtOnce ?? false }),
              ...spend('failovers'),
            },
            true,
          );
      const { isPaused } = redisOf(at);
      if (left.pauses > 0 && !isPaused)
        add(`stall ${at} is paused`, { stalls: append(at, { type: 'paused' }), ...spend('pauses') }, true);
      if (isPaused) add(`stall ${at} is resumed`, { stalls: append(at, { type: 'resumed' }) }, true);
    }

    if (left.crashes > 0)
      add(
        'the app processes die',
        { stalls: stalls.map((stall) => ({ ...stall, queuedFrom: stall.events.length })), ...spend('crashes') },
        true,
      );
    if (left.restocks > 0 && stalls[0]?.isOpen)
      add(
        'one piece is added at stall 0',
        { stalls: append(0, { type: 'restocked', pieces: 1 }), ...spend('restocks'), soldOutSaid: false },
        true,
      );
    for (const customer of everyone) {
      const home = homeOf(customer);
      const at = broken.releaseAtAnotherStall ? (home + 1) % stalls.length : home;
      if (left.releases === 0 || !stalls[home]?.isOpen || !stalls[at]?.isOpen || !redisOf(home).holders.get(customer))
        continue;
      const released = append(at, { type: 'released', customer });
      add(
        `customer ${customer} gives a piece back at stall ${at}`,
        { stalls: released, ...spend('releases'), soldOutSaid: false },
        true,
      );
    }
    return steps;
  };

  /** Whether a stall without a piece may say that the coupon is sold out. */
  const isSoldOut = ({ stalls }: State): boolean => {
    if (broken.soldOutOfOneStall) return true;
    const parts = stalls.map(broken.soldOutOfDecidedGrabs ? inRedisOf : prefixOf);
    return parts.reduce((sum, { pieces, held }) => sum + pieces - held, 0) === 0;
  };

  const piecesToSell = (state: State) => {
    const parts = state.stalls.map(everythingOf);
    return parts.reduce((sum, { left }) => sum + left, 0) + onTheWay(parts);
  };

  const wrongIn = (state: State): string | undefined => {
    if (state.fault !== undefined) return state.fault;
    const { stalls } = state;
    const parts = stalls.map(everythingOf);
    const sum = (count: (part: (typeof parts)[number]) => number) =>
      parts.reduce((total, part) => total + count(part), 0);
    const [pieces, held] = [sum((part) => part.pieces), sum((part) => part.held)];
    if (held > pieces) return `oversold: ${held} of ${pieces} pieces are held`;
    for (const customer of everyone) {
      const ofCustomer = sum(({ holders }) => holders.get(customer) ?? 0);
      if (ofCustomer > perCustomer) return `customer ${customer} holds ${ofCustomer}, over all stalls`;
    }
    if (parts.some(({ grabbedWhilePaused }) => grabbedWhilePaused)) return 'a grab won while its stall was paused';
    for (const [at, stall] of stalls.entries())
      for (const [place, { type }] of stall.events.entries()) {
        if (place < stall.acknowledged && isGone(stall, place))
          return `version ${place + 1} of stall ${at} was answered and is lost`;
        if (stall.isOpen && place >= stall.inRedis && !isGone(stall, place))
          return `stall ${at} sells without version ${place + 1}, ${type}`;
      }
    const [left, moving] = [sum((part) => part.left), onTheWay(parts)];
    if (left + held + moving !== pieces)
      return `${pieces} pieces are ${left} left, ${held} held and ${moving} on the way`;
    return undefined;
  };

  const wrongAtRest = (state: State): string | undefined => {
    const redis = state.stalls.map(inRedisOf);
    const waits = everyone.some((customer) => {
      const home = redis[homeOf(customer)];
      return !home?.isPaused && (home?.holders.get(customer) ?? 0) < perCustomer;
    });
    if (!waits || state.soldOutSaid) return undefined;
    // With a further move, another stall would have given.
    const wouldMove = state.left.moves === 0 && redis.some(({ left }) => left > 0);
    if (wouldMove && onTheWay(redis) === 0) return undefined;
    return 'a customer waits for ever: pieces are stranded, or sold-out is never said';
  };

  return { initial, keyOf, stepsFrom, wrongIn, wrongAtRest };
}

/** The pieces that have left a stall and not arrived at another one. */
function onTheWay(parts: readonly Pick<ReturnType<typeof everythingOf>, 'moves' | 'arrivals'>[]): number {
  const arrived = parts.flatMap(({ arrivals }) => arrivals);
  return parts
    .flatMap(({ moves }, from) => moves.filter(({ version }) => !arrived.includes(arrivalKey(from, version))))
    .reduce((sum, { pieces }) => sum + pieces, 0);
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
