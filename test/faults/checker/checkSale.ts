import { groupBy } from '../../../src/infra/groupBy.ts';
import type { Request } from '../records/requestHistory.ts';
import type { SaleRecords, Violation } from '../records/saleRecords.ts';
import { checkAnswers } from './checkAnswers.ts';
import { checkDeliveries } from './checkDeliveries.ts';
import { checkLog } from './checkLog.ts';
import { checkRefusals } from './checkRefusals.ts';
import { checkStores } from './checkStores.ts';
import { historyOf } from './couponHistory.ts';
import { explainEvents } from './explainEvents.ts';

/** A command is carried out within this time after it was sent, or never: the deadline of 3 s and some slack. */
const LATE_AFTER_MS = 3_700;

/** Consequences of a fault that are no violation. */
export interface Tolerance {
  /**
   * The fault took data from Redis that MySQL may not have had. Then a decision that no client got an answer for may be lost: a
   * piece may be for sale again, and an answer may have been true because of a decision that the log lacks.
   */
  redisLosesData?: boolean;
  /** How long the fault may keep a request from reaching the application's code. */
  delayMs?: number;
}

export interface SaleCheck {
  violations: Violation[];
  /** Grabs that won although their clients got "unknown" and never a 201. */
  recovered: number;
}

/** Compares the answers of a sale with the stores after it. A pure function; there is no violation when every promise was kept. */
export function checkSale(requests: readonly Request[], records: SaleRecords, tolerance: Tolerance = {}): SaleCheck {
  const { redisLosesData = false, delayMs = 0 } = tolerance;
  const logs = groupBy(records.log, ({ coupon }) => coupon.name);
  const histories = new Map([...logs].map(([name, events]) => [name, historyOf(events)]));
  const { violations, withoutEvent, recovered } = explainEvents(requests, records.log, LATE_AFTER_MS + delayMs);
  const evidence = { histories, possiblyLost: redisLosesData ? withoutEvent : [] };
  return {
    violations: [
      ...violations,
      ...checkAnswers(requests, records, delayMs),
      ...[...histories].flatMap(([name, history]) => checkLog(name, history, redisLosesData)),
      ...checkRefusals(requests, evidence, redisLosesData),
      ...checkStores(records, histories),
      ...records.deliveries.flatMap((deliveries) => checkDeliveries(deliveries, records.log)),
    ],
    recovered,
  };
}
