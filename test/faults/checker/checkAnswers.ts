import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Request } from '../records/requestHistory.ts';
import type { SaleRecords, Violation } from '../records/saleRecords.ts';

// Checks that every answer is one that the contract knows, that a request with several creations makes all or none, and that a stop
// leaves no accepted request without an answer.

/** A request that was sent this long before SIGTERM had reached the application, unless the fault delayed it. */
const SURELY_ACCEPTED_MS = 50;
const STOP_LIMIT_MS = 10_000;

export function checkAnswers(
  requests: readonly Request[],
  { stops, log }: Pick<SaleRecords, 'stops' | 'log'>,
  delayMs: number,
): Violation[] {
  const violations: Violation[] = [];
  const report = (name: string, sample: object) => violations.push({ name, sample: JSON.stringify(sample) });
  for (const request of requests) {
    const { op, outcome, status, wonCode } = request;
    if (outcome === 'unknown' && status !== 503 && status !== 0) report('unexpected-status', request);
    if (op === 'grab' && outcome === 'ok' && wonCode === undefined) report('no-code', request);
  }
  const created = new Set(log.map(({ coupon }) => coupon.name));
  for (const batch of groupBy(requests, ({ batch }) => batch).entries()) {
    const parts = new Set(batch[1].map(({ coupon }) => created.has(coupon)));
    if (batch[0] !== undefined && parts.size > 1) report('batch-incomplete', batch[1]);
  }
  for (const stop of stops) {
    if (stop.exit !== 0) report('bad-exit', stop);
    if (stop.ms > STOP_LIMIT_MS) report('slow-stop', stop);
    for (const request of requests) {
      const { app, status, invokedAt, answeredAt = Number.POSITIVE_INFINITY } = request;
      const accepted = app === stop.app && invokedAt < stop.at - SURELY_ACCEPTED_MS - delayMs;
      if (accepted && answeredAt > stop.at && status === 0) report('unanswered-at-stop', request);
    }
  }
  return violations;
}
