import { checkAnswers, LATE_AFTER_MS } from './checkAnswers.ts';
import { checkStores } from './checkStores.ts';
import type { Request } from './requestHistory.ts';
import type { SaleRecords, Violation } from './saleRecords.ts';

/** Consequences of a fault that are no violation. */
export interface Tolerance {
  /** See checkStores. */
  redisLosesData?: boolean;
  /** How long the fault may keep a request from reaching the application's code. */
  delayMs?: number;
}

/** Compares the answers of a sale with the stores after it. A pure function; the result is empty when every promise was kept. */
export function checkSale(requests: readonly Request[], records: SaleRecords, tolerance: Tolerance = {}): Violation[] {
  const { redisLosesData = false, delayMs = 0 } = tolerance;
  return [
    ...checkAnswers(requests, records, LATE_AFTER_MS + delayMs),
    ...checkStores(requests, records, redisLosesData),
  ];
}
