import { decide, type Refusal } from '../../../src/coupon/decide.ts';
import type { CouponEvent } from '../../../src/events.ts';
import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Op, Outcome, Request } from '../records/requestHistory.ts';
import type { Violation } from '../records/saleRecords.ts';
import { commandOfRequest, opOf } from './commands.ts';
import type { CouponHistory } from './couponHistory.ts';
import { CLOCK_SLACK_MS } from './explainEvents.ts';

// Checks that each refusal was true at some moment between its request and its answer.

/** A process may repeat the refusal of a grab without a key for this long. */
export const REMEMBERED_MS = 1_000;

/** These refusals of a grab pass by themselves, so they are not kept for the key. */
const passing: ReadonlySet<Outcome> = new Set(['not-started', 'paused']);
/** Refused before the script is called, so it is not kept for the key either. */
const unknownCode: Outcome = 'no-such-code';

/**
 * The commands about a piece after which a refusal is true. If Redis lost such a command, the log does not show why the refusal was
 * true.
 */
const causes: Partial<Record<Outcome, readonly Op[]>> = {
  'already-grabbed': ['grab'],
  'code-needed': ['grab'],
  'not-held': ['release'],
  'no-such-code': ['release'],
  redeemed: ['redeem'],
  'not-redeemed': ['undo'],
};
/** If Redis lost such a command, the log does not show whether the coupon was on sale, or there at all. */
const changesOfState: ReadonlySet<Op> = new Set(['create', 'pause', 'resume', 'close', 'change']);

interface Evidence {
  histories: ReadonlyMap<string, CouponHistory>;
  /** Requests with an unknown outcome that left no event, if Redis may have lost them after it decided them; otherwise empty. */
  possiblyLost: readonly Request[];
}

export function checkRefusals(
  requests: readonly Request[],
  { histories, possiblyLost }: Evidence,
  redisLosesData: boolean,
): Violation[] {
  const violations: Violation[] = [];
  const report = (name: string, request: Request) => violations.push({ name, sample: JSON.stringify(request) });
  const attemptsOfKey = groupBy(requests, keyOf);
  const eventOfKey = new Map<string, CouponEvent>();
  for (const { events } of histories.values())
    for (const event of events)
      if ('idempotencyKey' in event.data)
        eventOfKey.set([event.coupon.name, opOf(event), event.data.idempotencyKey].join(' '), event);
  const lostByCoupon = groupBy(possiblyLost, ({ coupon }) => coupon);

  for (const request of requests) {
    const { outcome, key, op, coupon, invokedAt } = request;
    // The refusal of a batch is about one of its coupons.
    if (!isRefusal(outcome) || request.batch !== undefined) continue;
    const first = key === undefined ? request : (attemptsOfKey.get(keyOf(request))?.[0] ?? request);
    const remembered = op === 'grab' && key === undefined ? REMEMBERED_MS : 0;
    const from = first.invokedAt - remembered;
    const lost = lostByCoupon.get(coupon) ?? [];
    if (!wasTrue(request, from, histories.get(coupon), lost)) report(`untrue-${outcome}`, request);
    if (key === undefined) continue;
    const event = eventOfKey.get([coupon, op, key].join(' '));
    if (event === undefined) continue;
    if (event.occurredAt / 1_000 < invokedAt - CLOCK_SLACK_MS) report('winner-refused', request);
    // Redis loses the refusals of keys together with its other data.
    else if (isKept(request) && !redisLosesData) report('refusal-forgotten', request);
  }
  return violations;
}

const keyOf = ({ id, op, coupon, key }: Request) => (key === undefined ? String(id) : [coupon, op, key].join(' '));
const isRefusal = (outcome: Outcome): outcome is Refusal | 'duplicate-coupon' =>
  outcome !== 'ok' && outcome !== 'unknown' && outcome !== 'unsent';
const isKept = ({ op, outcome }: Request) => (op === 'grab' ? !passing.has(outcome) : outcome !== unknownCode);

/** `fromMs`: the refusal may have been decided from this time on, in milliseconds since 1970. */
function wasTrue(
  request: Request,
  fromMs: number,
  history: CouponHistory | undefined,
  lost: readonly Request[],
): boolean {
  const { op, outcome, customer, code, answeredAt = 0 } = request;
  const earlier = lost.filter(({ invokedAt }) => invokedAt <= answeredAt);
  const isOfSubject = (other: Request) =>
    (customer === undefined || other.customer === undefined || other.customer === customer) &&
    (code === undefined || other.code === undefined || other.code === code);
  const couldExplain = (other: Request) =>
    changesOfState.has(other.op) || (causes[outcome]?.includes(other.op) && isOfSubject(other));
  if (earlier.some(couldExplain)) return true;
  const command = commandOfRequest(request);
  const lostGrabs = new Set(earlier.filter(({ op }) => op === 'grab').map(keyOf)).size;
  for (const { count, now } of momentsBetween(history, fromMs - CLOCK_SLACK_MS, answeredAt + CLOCK_SLACK_MS)) {
    const state = history?.stateAfter(count);
    if (command === undefined) {
      if (state !== undefined) return true;
      continue;
    }
    // The pieces that are left follow from the events, so that a lost grab does not hide behind the count in a later event.
    const left = state === undefined ? 0 : state.amount - (history?.heldAfter(count) ?? 0);
    const held = history?.piecesAfter(count) ?? { of: () => [], withCode: () => undefined };
    for (const possibleLeft of new Set([left, Math.max(0, left - lostGrabs)])) {
      const decision = decide(state === undefined ? undefined : { ...state, left: possibleLeft }, held, command, now);
      const refusal = 'refusal' in decision ? decision.refusal : undefined;
      if (refusal === outcome || (op !== 'grab' && refusal === 'no-such-coupon' && outcome in absent)) return true;
    }
  }
  return false;
}

/** How commands about a piece are refused when the coupon does not exist. */
const absent: Partial<Record<Outcome, true>> = { 'not-held': true, 'no-such-code': true };

/** The moments of an interval at which a decision may differ from the one at the moment before. */
function* momentsBetween(
  history: CouponHistory | undefined,
  fromMs: number,
  toMs: number,
): Generator<{ count: number; now: number }> {
  const [from, to] = [fromMs * 1_000, toMs * 1_000];
  if (history === undefined) return yield { count: 0, now: from };
  for (let count = history.countAt(from); count <= history.countAt(to); count++) {
    const start = Math.max(from, history.times[count - 1] ?? from);
    const end = Math.min(to, history.times[count] ?? to);
    const { startsAt, endsAt, validFrom, validUntil } = history.stateAfter(count) ?? {};
    yield { count, now: start };
    for (const edge of [startsAt, endsAt, validFrom, validUntil])
      if (edge !== undefined && start < edge && edge <= end) yield { count, now: edge };
  }
}
