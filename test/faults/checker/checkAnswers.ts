import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Request } from './requestHistory.ts';
import type { SaleRecords, Violation } from './saleRecords.ts';

// Compares the answers that clients got with the rows and events in MySQL.

/** A grab is carried out within this time after it was sent, or never: the deadline of 3 s and some slack. */
export const LATE_AFTER_MS = 3_700;
/** A request that was sent this long before SIGTERM had reached the application. */
const SURELY_ACCEPTED_MS = 50;
const STOP_LIMIT_MS = 10_000;

const pairOf = ({ coupon, customer }: { coupon: string; customer?: string }) => `${coupon} / ${customer}`;
const mayHaveWon = ({ outcome }: Request) => outcome === 'ok' || outcome === 'unknown';
const haveSameKey = (a: Request, b: Request) => a.key !== undefined && a.key === b.key;

export function checkAnswers(requests: readonly Request[], records: SaleRecords, lateAfterMs: number): Violation[] {
  const violations: Violation[] = [];
  const report = (name: string, request: Request) => violations.push({ name, sample: JSON.stringify(request) });
  const grabs = requests.filter(({ op }) => op === 'grab');
  const grabsByPair = groupBy(grabs, pairOf);
  const pairsWithRow = new Set(records.grabs.map(pairOf));
  const couponsWithRow = new Set(records.coupons.map(({ name }) => name));
  const creations = new Map(
    requests
      .filter(({ op, outcome }) => op === 'create' && outcome === 'ok')
      .map((request) => [request.coupon, request]),
  );

  for (const request of requests) {
    if (![201, 204, 503, 0].includes(request.status)) report('unexpected-status', request);
  }
  for (const creation of creations.values()) {
    if (!couponsWithRow.has(creation.coupon)) report('creation-lost', creation);
  }

  for (const [pair, attempts] of grabsByPair) {
    const hasRow = pairsWithRow.has(pair);
    const wins = attempts.filter(({ outcome }) => outcome === 'ok');
    const [first] = wins;
    if (first !== undefined && !hasRow) report('win-lost', first);
    const secondWin = wins.find((win) => win !== first && first !== undefined && !haveSameKey(win, first));
    if (secondWin !== undefined) report('won-twice', secondWin);
    for (const [place, request] of attempts.entries()) {
      const possibleWins = attempts.slice(0, place).filter(mayHaveWon);
      if (request.outcome === 'sold-out' && hasRow) report('holder-refused', request);
      if (request.outcome === 'no-such-coupon') {
        const createdAt = creations.get(request.coupon)?.answeredAt;
        if (hasRow) report('holder-refused', request);
        if (createdAt !== undefined && createdAt < request.invokedAt) report('coupon-denied', request);
      }
      if (request.outcome !== 'already-grabbed') continue;
      if (!hasRow) report('untrue-already-grabbed', request);
      // A retry gets the answer of the request that it repeats, so the earlier win must have another key.
      if (!possibleWins.some((earlier) => !haveSameKey(earlier, request))) report('winner-refused', request);
    }
  }
  for (const pair of pairsWithRow) {
    if (!grabsByPair.has(pair)) violations.push({ name: 'unrequested-grab', sample: pair });
  }
  violations.push(...lateEvents(records, grabsByPair, lateAfterMs));
  violations.push(...badStops(records, grabs));
  return violations;
}

function lateEvents({ log }: SaleRecords, grabsByPair: Map<string, Request[]>, lateAfterMs: number): Violation[] {
  const violations: Violation[] = [];
  for (const event of log) {
    const at = event.occurredAt / 1_000;
    const attempts = (event.type === 'CouponGrabbed' && grabsByPair.get(pairOf(event))) || [];
    const inTime = attempts.some(({ invokedAt }) => invokedAt <= at && at <= invokedAt + lateAfterMs);
    if (attempts.length > 0 && !inTime) {
      const lastSent = Math.max(...attempts.map(({ invokedAt }) => invokedAt));
      violations.push({ name: 'late', sample: `${pairOf(event)}: ${Math.round(at - lastSent)} ms after it was sent` });
    }
  }
  return violations;
}

function badStops({ stops }: SaleRecords, grabs: readonly Request[]): Violation[] {
  const violations: Violation[] = [];
  for (const stop of stops) {
    if (stop.exit !== 0) violations.push({ name: 'bad-exit', sample: JSON.stringify(stop) });
    if (stop.ms > STOP_LIMIT_MS) violations.push({ name: 'slow-stop', sample: JSON.stringify(stop) });
    const unanswered = grabs.filter(
      ({ app, status, invokedAt, answeredAt = Number.POSITIVE_INFINITY }) =>
        status === 0 && app === stop.app && invokedAt < stop.at - SURELY_ACCEPTED_MS && answeredAt > stop.at,
    );
    for (const request of unanswered) violations.push({ name: 'unanswered-at-stop', sample: JSON.stringify(request) });
  }
  return violations;
}

/** Counts the grabs with a row whose client got "unknown" and never a 201. */
export function countRecovered(requests: readonly Request[], records: SaleRecords): number {
  const pairsWithRow = new Set(records.grabs.map(pairOf));
  const grabsByPair = groupBy(
    requests.filter(({ op }) => op === 'grab'),
    pairOf,
  );
  const recovered = [...grabsByPair].filter(
    ([pair, attempts]) =>
      pairsWithRow.has(pair) &&
      attempts.some(({ outcome }) => outcome === 'unknown') &&
      !attempts.some(({ outcome }) => outcome === 'ok'),
  );
  return recovered.length;
}
