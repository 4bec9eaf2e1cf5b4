import { checkAnswers, LATE_AFTER_MS } from './checkAnswers.ts';
import { checkStores } from './checkStores.ts';
import type { Request } from './requestHistory.ts';
import type { Records, Violation } from './saleRecords.ts';

/** What a kind of fault excuses. */
export interface Excuses {
  /** See checkStores. */
  redisLosesData?: boolean;
  /** How long the fault may have kept a request from reaching the application's code. */
  delayMs?: number;
}

/** Judges a round: what clients asked and heard, and what the stores hold after it. Pure; none means that all was kept. */
export function check(requests: readonly Request[], records: Records, excuses: Excuses = {}): Violation[] {
  const { redisLosesData = false, delayMs = 0 } = excuses;
  return [
    ...checkAnswers(requests, records, LATE_AFTER_MS + delayMs),
    ...checkStores(requests, records, redisLosesData),
  ];
}
