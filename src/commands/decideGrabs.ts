import { z } from 'zod';
import { newCode } from '../coupon/code.ts';
import { grabEvent } from '../coupon/grabEvent.ts';
import { grabOutcomes } from '../coupon/grabOutcomes.ts';
import type { CouponGrabbed } from '../events.ts';
import { type CouponName, couponPath, grabKeys, keys } from '../infra/keys.ts';
import { decodePrior } from '../infra/outbox.ts';
import { runScript } from '../infra/scripts.ts';
import { NewerRelease } from '../newerRelease.ts';
import { Unavailable } from '../unavailable.ts';
import {
  type DecisionDeps,
  deadlineAndLimit,
  failOn,
  IDEMPOTENCY_TTL_SECONDS,
  obstacleReplySchema,
  publishDelivery,
} from './decision.ts';

export const outcomeSchema = z.enum(grabOutcomes);
export type GrabOutcome = z.infer<typeof outcomeSchema>;

export type GrabResult =
  /**
   * `code` is an empty string for a repeated win of the first releases, which had no codes. `isRepeated`: an earlier request with the
   * same key has won the piece.
   */
  | { outcome: 'grabbed'; code: string; isRepeated: boolean }
  /** `startsAt`: microseconds since 1970 on the clock of Redis. */
  | { outcome: 'not-started'; startsAt: number }
  /** With `supply` and `endsAt` as the script replies them; without them when the refusal of an idempotency key was repeated. */
  | { outcome: 'sold-out'; supply?: number; endsAt?: number | undefined }
  | { outcome: Exclude<GrabOutcome, 'grabbed' | 'not-started' | 'sold-out'> };
export type SoldOut = Extract<GrabResult, { outcome: 'sold-out' }>;

const placesSchema = z.array(z.union([z.number(), z.string()]));
const replySchema = z.union([
  z.tuple([z.literal('decided'), z.string(), z.string(), placesSchema, placesSchema, placesSchema], z.string()),
  z.tuple([z.literal('code-taken')]),
  obstacleReplySchema,
]);

export interface GrabRequest {
  customer: string;
  /** An empty string means no key. */
  idempotencyKey: string;
}

export interface CouponGrabs {
  coupon: CouponName;
  grabs: readonly GrabRequest[];
}

/** The results have the order of the grabs. A failure belongs to one coupon: the outcome of its grabs is unknown, the others have theirs. */
export type Decided = { results: GrabResult[] } | { failure: Error };

/**
 * Decides the grabs of several coupons of one partition with one script call, those of a coupon in the order of their arrival.
 * Resolves to what was decided, coupon by coupon. `since` is the arrival of the first grab in milliseconds of performance.now().
 * Rejects when the outcome of all grabs is unknown or nothing was decided.
 */
export async function decideGrabs(
  deps: DecisionDeps,
  partition: number,
  coupons: readonly CouponGrabs[],
  since = performance.now(),
): Promise<Decided[]> {
  const begin = deadlineAndLimit(deps, partition, since);
  const { replicas } = deps.shardOf(partition);
  const grabs = coupons.flatMap((coupon) => coupon.grabs);
  const codes = grabs.map(() => newCode(partition));
  // Few long arguments instead of three for each grab: most of the cost of a round is the cost of its arguments.
  const hasKey = grabs.some(({ idempotencyKey }) => idempotencyKey !== '');
  const paths = JSON.stringify(coupons.map(({ coupon }) => couponPath(coupon)));
  const counts = coupons.map((coupon) => coupon.grabs.length).join();
  const customers = JSON.stringify(grabs.map(({ customer }) => customer));
  const idempotencyKeys = hasKey ? JSON.stringify(grabs.map(({ idempotencyKey }) => idempotencyKey)) : '';
  const call = runScript(
    deps.redis,
    'grabCoupon',
    [
      keys.fence(partition),
      keys.outbox(partition),
      keys.codes(partition),
      ...coupons.flatMap(({ coupon }) => grabKeys(partition, coupon)),
    ],
    [...begin, String(IDEMPOTENCY_TTL_SECONDS), paths, counts, customers, idempotencyKeys, codes.join('')],
  );
  const reply = replySchema.parse(await deps.watch.grabScript(coupons, call));
  // One in some thousand million codes exists already: other codes are made.
  if (reply[0] === 'code-taken') return decideGrabs(deps, partition, coupons, since);
  if (reply[0] !== 'decided') return failOn(deps, partition, reply[0]);

  const [, outcomes, states, repeated, failures, soldOut, entryId, at, prior] = reply;
  const occurredAt = Number(at);
  const { decided, won } = resultsOf({ coupons, codes, occurredAt, outcomes, states, repeated, failures, soldOut });
  // A repeated win may be one whose first answer was lost together with the confirmation.
  const confirmed = entryId !== undefined || repeated.length > 0 ? replicas.confirm() : undefined;
  confirmed?.catch(() => {});
  if (entryId !== undefined)
    await publishDelivery(deps, { entry: { partition, id: entryId }, events: won, prior: decodePrior(prior) });
  await confirmed;
  return decided;
}

interface Reply {
  coupons: readonly CouponGrabs[];
  codes: readonly string[];
  occurredAt: number;
  outcomes: string;
  states: string;
  repeated: readonly (number | string)[];
  failures: readonly (number | string)[];
  soldOut: readonly (number | string)[];
}

/** The results of each coupon, and the events of the grabs that won. */
function resultsOf({ coupons, codes, occurredAt, repeated, failures, soldOut, ...reply }: Reply) {
  const [outcomes, states] = [reply.outcomes.split(','), reply.states.split(',')];
  if (outcomes.length !== codes.length || states.length !== coupons.length)
    throw new Error('the script did not decide every grab');
  // The places are counted from 1. An old win is in an entry of its own.
  const oldWins = new Map<number, string>();
  for (let i = 0; i < repeated.length; i += 2) oldWins.set(Number(repeated[i]) - 1, String(repeated[i + 1]));
  const reasons = new Map<number, string>();
  for (let i = 0; i < failures.length; i += 2) reasons.set(Number(failures[i]), String(failures[i + 1]));
  const soldOutCoupons = new Map<number, SoldOut>();
  for (let i = 0; i < soldOut.length; i += 3)
    soldOutCoupons.set(Number(soldOut[i]), soldOutOf(Number(soldOut[i + 1]), String(soldOut[i + 2])));
  const won: CouponGrabbed[] = [];
  let place = 0;
  const decided = coupons.map(({ coupon: { seller, name }, grabs }, i): Decided => {
    const [id = '', version, left, startsAt] = (states[i] ?? '').split(' ');
    const coupon = { id, seller, name };
    const soldOutResult = soldOutCoupons.get(i + 1) ?? withoutSupply;
    const results: GrabResult[] = [];
    let winners = 0;
    for (const { customer, idempotencyKey } of grabs) {
      const [outcome, code, oldCode] = [outcomes[place] ?? '', codes[place] ?? '', oldWins.get(place)];
      place++;
      if (oldCode !== undefined) {
        results.push({ outcome: 'grabbed', code: oldCode, isRepeated: true });
      } else if (outcome === 'grabbed') {
        winners++;
        const grab = { coupon, version: Number(version) + winners, left: Number(left) - winners };
        won.push(grabEvent(occurredAt, { ...grab, customer, code, idempotencyKey }));
        results.push({ outcome, code, isRepeated: false });
      } else if (outcome === 'sold-out') {
        results.push(soldOutResult);
      } else if (outcome !== 'damaged' && outcome !== 'newer' && outcome !== 'failed') {
        results.push(refusalOf(outcome, startsAt));
      }
    }
    if (results.length === grabs.length) return { results };
    return { failure: failureOf(outcomes[place - 1], reasons.get(i + 1)) };
  });
  return { decided, won };
}

/** Refusals are shared objects: under a flood, nearly every grab is refused. */
const refusals = new Map<string, GrabResult>(
  outcomeSchema.exclude(['grabbed', 'not-started', 'sold-out']).options.map((outcome) => [outcome, { outcome }]),
);

const withoutSupply: SoldOut = { outcome: 'sold-out' };
const soldOutOf = (supply: number, endsAt: string): SoldOut => ({
  outcome: 'sold-out',
  supply,
  endsAt: endsAt === '' ? undefined : Number(endsAt),
});

function refusalOf(outcome: string, startsAt: string | undefined): GrabResult {
  if (outcome === 'not-started') return { outcome, startsAt: Number(startsAt) };
  const refusal = refusals.get(outcome);
  if (refusal === undefined) throw new Error(`the script decided an unknown outcome: ${outcome}`);
  return refusal;
}

/** `reason`: of a coupon that the script could not read. */
function failureOf(outcome: string | undefined, reason: string | undefined): Error {
  if (outcome === 'newer') return new NewerRelease('this coupon');
  if (reason === undefined) return new Unavailable('the events of this coupon are damaged');
  return new Error(`the coupon cannot be read: ${reason}`);
}
