import { randomBytes } from 'node:crypto';
import type { Log } from '../infra/telemetry/log.ts';

/** Lines of requests that went well, in a second, of one process. A crowd writes no more; LOG_LEVEL=debug writes all. */
const LINES_A_SECOND = 100;
/** Who waited so long is always said. */
const SLOW_MS = 1_000;

/** What one line says. No path and no query, no header and no body: what a client sends may hold a secret anywhere. */
export interface RequestFacts {
  method: string;
  /** The template, such as `/api/users/:username/coupons`. */
  route: string;
  status: number;
  outcome: string;
  ms: number;
  /** Whose token it was. */
  user: string | undefined;
  /** The client's X-Request-Id, if it sent one. */
  requestId: string | undefined;
  trace: { traceId: string; spanId?: string; parentId?: string } | undefined;
  /** What was thrown, if it was answered with a fault. */
  fault: unknown;
}

/**
 * One line a request. Faults (5xx) and slow ones are always written; the others up to a rate, and the next line that is
 * written says how many were left out since the one before.
 */
export function createRequestLog(log: Log, linesASecond = LINES_A_SECOND): (facts: RequestFacts) => void {
  const process = randomBytes(4).toString('hex');
  let requests = 0;
  let skipped = 0;
  let budget = linesASecond;
  let filledAt = performance.now();
  const mayWrite = () => {
    const now = performance.now();
    budget = Math.min(linesASecond, budget + ((now - filledAt) / 1_000) * linesASecond);
    filledAt = now;
    if (budget < 1) return false;
    budget--;
    return true;
  };

  return (facts) => {
    requests++;
    const level = levelOf(facts);
    if (!log.isLevelEnabled(level)) return;
    if (level === 'info' && !log.isLevelEnabled('debug') && !mayWrite()) {
      skipped++;
      return;
    }
    const { method, route, status, outcome, ms, user, requestId, trace, fault } = facts;
    log[level](
      {
        request: requestId ?? `${process}-${requests.toString(36)}`,
        method,
        route,
        status,
        outcome,
        ms: Math.round(ms * 100) / 100,
        user,
        trace: trace?.traceId,
        span: trace?.spanId,
        parent: trace?.parentId,
        ...(skipped === 0 ? {} : { skipped }),
        ...(level === 'error' ? { err: fault } : {}),
      },
      'request',
    );
    skipped = 0;
  };
}

/** A 503 whose reason is known is a warning: what stands behind it is logged once, where it is found. */
function levelOf({ status, outcome, ms }: RequestFacts): 'error' | 'warn' | 'info' {
  if (status >= 500) return outcome === 'unknown' ? 'error' : 'warn';
  return ms >= SLOW_MS ? 'warn' : 'info';
}
