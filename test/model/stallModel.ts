import type { Model } from './search.ts';
import { everythingOf, inRedisOf, isGone, keyOf, onTheWay, type State } from './stallState.ts';
import { type BrokenRules, everyone, homeOf, type Sale, stepsFrom } from './stallSteps.ts';

// One coupon over several stalls: what must always hold. The rules are those of docs/decisions/0034-one-hot-coupon.md.

export function stallModel(sale: Sale, broken: BrokenRules = {}): Model<State> {
  const initial: State = {
    stalls: sale.pieces.map((initial) => ({
      ...{ initial, events: [], inRedis: 0, acknowledged: 0, logged: 0, queuedFrom: 0, isOpen: true },
    })),
    left: { failovers: 0, crashes: 0, moves: 0, restocks: 0, releases: 0, pauses: 0, ...sale.most },
    soldOutSaid: false,
    remembered: [],
  };
  return {
    initial,
    keyOf,
    stepsFrom: (state) => stepsFrom(state, sale, broken),
    wrongIn: (state) => state.fault ?? wrongPieces(state, sale) ?? wrongLog(state),
    wrongAtRest: (state) => wrongAtRest(state, sale),
  };
}

function wrongPieces({ stalls }: State, sale: Sale): string | undefined {
  const parts = stalls.map(everythingOf);
  const sum = (count: (part: (typeof parts)[number]) => number) =>
    parts.reduce((total, part) => total + count(part), 0);
  const [pieces, held] = [sum((part) => part.pieces), sum((part) => part.held)];
  if (held > pieces) return `oversold: ${held} of ${pieces} pieces are held`;
  for (const customer of everyone(sale)) {
    const ofCustomer = sum(({ holders }) => holders.get(customer) ?? 0);
    if (ofCustomer > sale.perCustomer) return `customer ${customer} holds ${ofCustomer}, over all stalls`;
  }
  if (parts.some(({ grabbedWhilePaused }) => grabbedWhilePaused)) return 'a grab won while its stall was paused';
  const [left, moving] = [sum((part) => part.left), onTheWay(parts)];
  if (left + held + moving !== pieces)
    return `${pieces} pieces are ${left} left, ${held} held and ${moving} on the way`;
  return undefined;
}

function wrongLog({ stalls }: State): string | undefined {
  for (const [at, stall] of stalls.entries())
    for (const [place, { type }] of stall.events.entries()) {
      if (place < stall.acknowledged && isGone(stall, place))
        return `version ${place + 1} of stall ${at} was answered and is lost`;
      if (stall.isOpen && place >= stall.inRedis && !isGone(stall, place))
        return `stall ${at} sells without version ${place + 1}, ${type}`;
    }
  return undefined;
}

function wrongAtRest({ stalls, left, soldOutSaid }: State, sale: Sale): string | undefined {
  const redis = stalls.map(inRedisOf);
  const waits = everyone(sale).some((customer) => {
    const home = redis[homeOf(sale, customer)];
    return !home?.isPaused && (home?.holders.get(customer) ?? 0) < sale.perCustomer;
  });
  if (!waits || soldOutSaid) return undefined;
  // With a further move, another stall would have given.
  const wouldMove = left.moves === 0 && redis.some((part) => part.left > 0);
  if (wouldMove && onTheWay(redis) === 0) return undefined;
  return 'a customer waits for ever: pieces are stranded, or sold-out is never said';
}
