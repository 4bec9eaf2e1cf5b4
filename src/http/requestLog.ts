import { randomBytes } from 'node:crypto';
import type { Log } from '../infra/telemetry/log.ts';

/** Limit for one process on the lines of fast requests without a fault. LOG_LEVEL=debug lifts it. */
const LINES_A_SECOND = 100;
/** A request that took this long is always logged. */
const SLOW_MS = 1_000;

/** The content of one line. It has no path, query, header or body, because a client may put a secret into any of them. */
export interface RequestFacts {
  method: string;
  /** The template of the route, such as `/api/users/:username/coupons`. */
  route: string;
  status: number;
  outcome: string;
  ms: number;
  /** The part of `ms` in which the server waited for the body, or for the event that the request waits for. */
  receivingMs: number;
  /** The user of the request's token. */
  user: string | undefined;
  /** The X-Request-Id that the client sent. */
  requestId: string | undefined;
  trace: { traceId: string; spanId?: string; parentId?: string } | undefined;
  /** The error that was thrown. */
  fault: unknown;
}

/**
 * Writes one line for each request. Faults (5xx) and slow requests are always written. Other requests are written up to a
 * rate, and the field `skipped` of the next line counts those that were left out.
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

/**
 * A 503 with a known reason is only a warning, because its cause is logged once where it is detected. A request is not slow because
 * its client sends the body slowly: many such clients would fill the log.
 */
function levelOf({ status, outcome, ms, receivingMs }: RequestFacts): 'error' | 'warn' | 'info' {
  if (status >= 500) return outcome === 'unknown' ? 'error' : 'warn';
  return ms - receivingMs >= SLOW_MS ? 'warn' : 'info';
}
