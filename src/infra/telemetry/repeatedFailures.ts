import type { LogFn, Logger } from 'pino';
import { safeMessage } from './safeError.ts';

const WARN = 40;
/** A failure that is retried every second would write thousands of lines in an outage. */
const SILENCE_MS = 30_000;
const MAX_REMEMBERED = 200;

type LogMethod = (this: Logger, args: Parameters<LogFn>, method: LogFn, level: number) => void;

/**
 * For pino: writes a warning or error with an `err` once, and again when the same failure (message and error alike) comes after half a
 * minute, with the number of times in between as `repeated`. The line of a request is never left out: it names the request.
 */
export function suppressRepeats(silenceMs = SILENCE_MS): LogMethod {
  const failures = new Map<string, { until: number; repeated: number }>();
  return function (args, method, level) {
    const [fields, message] = args as unknown as [{ err?: Error; status?: number }?, string?];
    const { err, status } = typeof fields === 'object' && fields !== null ? fields : {};
    if (level < WARN || !(err instanceof Error) || status !== undefined) return method.apply(this, args);
    const key = `${message} ${err.name} ${safeMessage(err)}`;
    const now = performance.now();
    const known = failures.get(key);
    if (known !== undefined && now < known.until) {
      known.repeated++;
      return;
    }
    // The oldest first: a Map keeps the order of insertion.
    failures.delete(key);
    for (const old of failures.keys()) {
      if (failures.size < MAX_REMEMBERED) break;
      failures.delete(old);
    }
    failures.set(key, { until: now + silenceMs, repeated: 0 });
    if (known === undefined || known.repeated === 0) return method.apply(this, args);
    const more = { ...fields, repeated: known.repeated };
    return method.apply(this, [more, message] as never);
  };
}
