import { type CouponCommand, decide, type HeldPieces, type TermsChange } from '../../src/coupon/decide.ts';
import { evolvePiece, grabOf, type Piece } from '../../src/coupon/pieces.ts';
import { type CouponState, createdState, evolve } from '../../src/coupon/state.ts';
import { type CouponEvent, type EventOf, eventId } from '../../src/events.ts';
import { groupBy } from '../../src/infra/groupBy.ts';

// A model of one seller's coupons: the rule of src/coupon/decide.ts, the pieces in memory, and the idempotency keys.

/** Times are counted from here, in microseconds. */
export const START = 1_800_000_000_000_000;

interface Keyed {
  /** An empty string means no key. */
  idempotencyKey: string;
}
export type Limits = Partial<
  Record<'startsAt' | 'endsAt' | 'validFrom' | 'validUntil' | 'perCustomer', number | undefined>
>;
/** Times are in microseconds. */
export type ModelCommand =
  | ({ type: 'create'; name: string; amount: number; limits: Limits } & Keyed)
  | { type: 'grab'; name: string; requests: ({ customer: string } & Keyed)[] }
  | ({ type: 'release'; name: string; customer: string; code: string | undefined } & Keyed)
  | ({ type: 'redeem' | 'undo'; code: string } & Keyed)
  | ({ type: 'restock'; name: string; amount: number } & Keyed)
  | ({ type: 'pause' | 'resume' | 'close'; name: string } & Keyed)
  | ({ type: 'change'; name: string; terms: TermsChange } & Keyed);

interface ModelCoupon {
  state: CouponState;
  pieces: Piece[];
  events: CouponEvent[];
}

const passing = new Set(['not-started', 'paused']);
const done: Record<CouponCommand['type'], string> = {
  grab: 'grabbed',
  release: 'released',
  redeem: 'redeemed',
  undo: 'undone',
  restock: 'changed',
  pause: 'changed',
  resume: 'changed',
  close: 'changed',
  change: 'changed',
};
const withoutAbsent = (fields: object) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

export function createModel(owner: string) {
  const coupons = new Map<string, ModelCoupon>();
  /** Every code that was ever given out, with its coupon and customer. */
  const codes = new Map<string, { name: string; customer: string }>();
  /** The request that each key of a user is bound to. */
  const claims = new Map<string, string>();
  /** The outcome that each key got, by coupon, command and subject. */
  const answers = new Map<string, string>();

  const heldIn = (coupon: ModelCoupon | undefined): HeldPieces => ({
    of: (customer) => coupon?.pieces.filter((piece) => piece.customer === customer) ?? [],
    withCode: (code) => coupon?.pieces.find((piece) => piece.code === code),
  });

  const record = (coupon: ModelCoupon, event: CouponEvent, idempotencyKey: string) => {
    const data = idempotencyKey === '' ? event.data : { ...event.data, idempotencyKey };
    const whole = { ...event, data } as CouponEvent;
    coupon.events.push(whole);
    coupon.state = evolve(coupon.state, whole);
    const grab = grabOf(whole);
    if (grab === undefined) return;
    const place = coupon.pieces.findIndex((piece) => piece.grab === grab);
    const piece = evolvePiece(coupon.pieces[place], whole);
    const rest = coupon.pieces.filter((_, at) => at !== place);
    coupon.pieces = piece === undefined ? rest : [...rest, piece].sort((a, b) => a.grab - b.grab);
  };

  /** False when the key belongs to another request. */
  const claim = (user: string, key: string, request: string) => {
    if (key === '') return true;
    const bound = claims.get(`${user} ${key}`) ?? request;
    claims.set(`${user} ${key}`, bound);
    return bound === request;
  };

  const decideOne = (name: string, one: CouponCommand, subject: string, key: string, now: number): string => {
    const coupon = coupons.get(name);
    const answerKey = `${name}/${one.type}/${subject}/${key}`;
    const answered = key === '' ? undefined : answers.get(answerKey);
    if (answered !== undefined) return answered;
    const decision = decide(coupon?.state, heldIn(coupon), one, now);
    let outcome: string;
    if ('event' in decision && coupon !== undefined) {
      record(coupon, decision.event, key);
      const { event } = decision;
      outcome = event.type === 'CouponGrabbed' ? `grabbed ${event.data.code}` : done[one.type];
      if (event.type === 'CouponGrabbed' && event.data.code !== undefined)
        codes.set(event.data.code, { name, customer: event.data.customer });
    } else {
      outcome = 'refusal' in decision ? decision.refusal : 'no-such-coupon';
      if (outcome === 'no-such-coupon' && one.type === 'release') outcome = 'not-held';
      if (outcome === 'not-started' && coupon !== undefined) outcome = `not-started ${coupon.state.startsAt}`;
      if (outcome === 'redeemed' && one.type === 'redeem') outcome = 'already-redeemed';
      // Passing refusals of grabs are not kept, those of the seller's commands are.
      if (one.type === 'grab' && passing.has(outcome.split(' ')[0] ?? '')) return outcome;
    }
    if (key !== '') answers.set(answerKey, outcome);
    return outcome;
  };

  const create = (command: Extract<ModelCommand, { type: 'create' }>, now: number): string => {
    const { name, amount, limits, idempotencyKey } = command;
    if (!claim(owner, idempotencyKey, JSON.stringify(['create', name, amount, limits])))
      return 'key-of-another-request';
    const answerKey = `${name}/create//${idempotencyKey}`;
    const answered = idempotencyKey === '' ? undefined : answers.get(answerKey);
    if (answered !== undefined) return answered;
    const outcome = coupons.has(name) ? 'duplicate-coupon' : 'created';
    if (outcome === 'created') {
      const { perCustomer, ...times } = withoutAbsent(limits) as Record<string, number>;
      const created: EventOf<'CouponCreated'> = {
        id: eventId('', 1),
        type: 'CouponCreated',
        coupon: { id: '', seller: owner, name },
        version: 1,
        occurredAt: now,
        data: {
          amount,
          stock: 1,
          description: 'd',
          ...times,
          ...(perCustomer === undefined ? {} : { perCustomer }),
          ...(idempotencyKey === '' ? {} : { idempotencyKey }),
        },
      };
      coupons.set(name, { state: createdState(created), pieces: [], events: [created] });
    }
    if (idempotencyKey !== '') answers.set(answerKey, outcome);
    return outcome;
  };

  /** The outcomes that the scripts should give. `given` are their outcomes, from which the random codes of wins are taken. */
  function expect(command: ModelCommand, now: number, given: readonly string[]): string[] {
    switch (command.type) {
      case 'create':
        return [create(command, now)];
      case 'grab':
        return command.requests.map(({ customer, idempotencyKey }, place) => {
          const [, code] = given[place]?.split(' ') ?? [];
          return decideOne(command.name, { type: 'grab', customer, code }, customer, idempotencyKey, now);
        });
      case 'release': {
        const { name, customer, code, idempotencyKey } = command;
        if (!claim(customer, idempotencyKey, JSON.stringify(['release', name, code])))
          return ['key-of-another-request'];
        return [decideOne(name, { type: 'release', customer, code }, customer, idempotencyKey, now)];
      }
      case 'redeem':
      case 'undo': {
        const { type, code, idempotencyKey } = command;
        const found = codes.get(code);
        if (found === undefined) return ['no-such-code'];
        if (!claim(owner, idempotencyKey, JSON.stringify([type, code]))) return ['key-of-another-request'];
        return [decideOne(found.name, { type, code }, code, idempotencyKey, now)];
      }
      case 'restock': {
        const { name, amount, idempotencyKey } = command;
        if (!claim(owner, idempotencyKey, JSON.stringify(['restock', name, amount]))) return ['key-of-another-request'];
        return [decideOne(name, { type: 'restock', amount }, '', idempotencyKey, now)];
      }
      case 'change': {
        const { name, terms, idempotencyKey } = command;
        if (!claim(owner, idempotencyKey, JSON.stringify(['change', name, terms]))) return ['key-of-another-request'];
        return [decideOne(name, { type: 'change', terms }, '', idempotencyKey, now)];
      }
      case 'pause':
      case 'resume':
      case 'close': {
        const { type, name, idempotencyKey } = command;
        if (!claim(owner, idempotencyKey, JSON.stringify([type, name]))) return ['key-of-another-request'];
        return [decideOne(name, { type }, '', idempotencyKey, now)];
      }
      default:
        return command satisfies never;
    }
  }

  return {
    expect,
    /** Every code that was given out, in this order, with its coupon and customer. */
    codes: () => [...codes].map(([code, of]) => ({ code, ...of })),
    /** What the log and Redis should have of each coupon. */
    coupons: () =>
      [...coupons].map(([name, { state, pieces, events }]) => ({
        name,
        events: events.map(({ type, version, occurredAt, data }) => ({ type, version, occurredAt, data })),
        hash: hashOf(owner, name, state),
        holders: holdersOf(pieces),
        redemptions: Object.fromEntries(
          pieces.flatMap(({ code, redeemedAt }) => (redeemedAt === undefined ? [] : [[code, String(redeemedAt)]])),
        ),
      })),
  };
}

/** The hash of the coupon in Redis but for its id: fields that have their usual value are absent. */
function hashOf(owner: string, name: string, state: CouponState): Record<string, string> {
  const { version, phase, amount, left, perCustomer, released, redeemed, stock, description } = state;
  const { startsAt, endsAt, validFrom, validUntil } = state;
  const fields = withoutAbsent({ version, amount, left, stock, startsAt, endsAt, validFrom, validUntil });
  return {
    seller: owner,
    name,
    description,
    ...Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, String(value)])),
    ...(phase === 'open' ? {} : { phase }),
    ...(perCustomer === 1 ? {} : { perCustomer: String(perCustomer) }),
    ...(released === 0 ? {} : { released: String(released) }),
    ...(redeemed === 0 ? {} : { redeemed: String(redeemed) }),
  };
}

function holdersOf(pieces: readonly Piece[]): Record<string, string> {
  const byCustomer = groupBy(pieces, ({ customer }) => customer);
  return Object.fromEntries(
    [...byCustomer].map(([customer, held]) => [
      customer,
      held
        .map(({ grab, code, idempotencyKey }) => `${grab},${code}${idempotencyKey ? ` ${idempotencyKey}` : ''}`)
        .join('\n'),
    ]),
  );
}
