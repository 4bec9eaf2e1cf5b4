import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Request } from './requestHistory.ts';
import type { Records, Violation } from './saleRecords.ts';

// What clients were told against what became of it.

/** A grab is carried out within this time after it was sent, or never (the deadline of 3 s and some slack). */
export const LATE_AFTER_MS = 3_700;
/** A request that was sent so long before a stop had reached the application. */
const SURELY_ACCEPTED_MS = 50;
const STOP_LIMIT_MS = 10_000;

const pairOf = ({ coupon, customer }: { coupon: string; customer?: string }) => `${coupon} / ${customer}`;
const mayHaveWon = ({ outcome }: Request) => outcome === 'ok' || outcome === 'unknown';
const sameKey = (a: Request, b: Request) => a.key !== undefined && a.key === b.key;

export function checkAnswers(requests: readonly Request[], records: Records, lateAfterMs: number): Violation[] {
  const violations: Violation[] = [];
  const found = (name: string, request: Request, more = '') =>
    violations.push({ name, sample: `${JSON.stringify(request)}${more}` });
  const grabs = requests.filter(({ op }) => op === 'grab');
  const attempts = groupBy(grabs, pairOf);
  const rows = new Set(records.grabs.map(pairOf));
  const couponRows = new Set(records.coupons.map(({ name }) => name));
  const creations = new Map(
    requests
      .filter(({ op, outcome }) => op === 'create' && outcome === 'ok')
      .map((request) => [request.coupon, request]),
  );

  for (const request of requests) {
    if (![201, 204, 503, 0].includes(request.status)) found('strange-answer', request);
  }
  for (const creation of creations.values()) if (!couponRows.has(creation.coupon)) found('creation-lost', creation);

  for (const [pair, tries] of attempts) {
    const hasRow = rows.has(pair);
    const wins = tries.filter(({ outcome }) => outcome === 'ok');
    const [first] = wins;
    if (first !== undefined && !hasRow) found('win-lost', first);
    const other = wins.find((win) => win !== first && first !== undefined && !sameKey(win, first));
    if (other !== undefined) found('won-twice', other);
    for (const [place, request] of tries.entries()) {
      const earlier = tries.slice(0, place).filter(mayHaveWon);
      if (request.outcome === 'sold-out' && hasRow) found('holder-refused', request);
      if (request.outcome === 'no-such-coupon') {
        const creation = creations.get(request.coupon)?.answeredAt;
        if (hasRow) found('holder-refused', request);
        if (creation !== undefined && creation < request.invokedAt) found('coupon-denied', request);
      }
      if (request.outcome !== 'already-grabbed') continue;
      if (!hasRow) found('untrue-already-grabbed', request);
      // A retry is answered like the request that it repeats; only another one can have been first.
      if (!earlier.some((before) => !sameKey(before, request))) found('winner-refused', request);
    }
  }
  for (const pair of rows) if (!attempts.has(pair)) violations.push({ name: 'never-asked', sample: pair });

  for (const event of records.log) {
    const at = event.occurredAt / 1_000;
    const tries = (event.type === 'CouponGrabbed' && attempts.get(pairOf(event))) || [];
    const explained = tries.some(({ invokedAt }) => invokedAt <= at && at <= invokedAt + lateAfterMs);
    if (tries.length > 0 && !explained) {
      const last = Math.max(...tries.map(({ invokedAt }) => invokedAt));
      violations.push({ name: 'late', sample: `${pairOf(event)}: ${Math.round(at - last)} ms after it was sent` });
    }
  }

  for (const stop of records.stops) {
    if (stop.exit !== 0) violations.push({ name: 'bad-exit', sample: JSON.stringify(stop) });
    if (stop.ms > STOP_LIMIT_MS) violations.push({ name: 'slow-stop', sample: JSON.stringify(stop) });
    const accepted = grabs.filter(
      ({ app, invokedAt, answeredAt = Number.POSITIVE_INFINITY }) =>
        app === stop.app && invokedAt < stop.at - SURELY_ACCEPTED_MS && answeredAt > stop.at,
    );
    for (const request of accepted) if (request.status === 0) found('unanswered-at-stop', request);
  }
  return violations;
}

/** Pairs that heard "unknown" and never a 201, and have won all the same. */
export function countRecovered(requests: readonly Request[], records: Records): number {
  const rows = new Set(records.grabs.map(pairOf));
  const attempts = groupBy(
    requests.filter(({ op }) => op === 'grab'),
    pairOf,
  );
  const recovered = [...attempts].filter(
    ([pair, tries]) =>
      rows.has(pair) &&
      tries.some(({ outcome }) => outcome === 'unknown') &&
      !tries.some(({ outcome }) => outcome === 'ok'),
  );
  return recovered.length;
}
