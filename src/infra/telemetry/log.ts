import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** What may wait for a reader of standard error that is too slow. Beyond that lines are lost: a log must not hold up a sale. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** The second net. Nothing logs such a field; should anything ever do so by mistake, its value is not written. */
const secrets = ['authorization', 'cookie', '["set-cookie"]', 'password', 'token', 'jwtSecret'];
// Where such an object would be. Named one by one: a wildcard makes every line cost ten times as much.
const places = ['headers', 'req.headers', 'res.headers', 'body', 'config', 'err'];
const within = (place: string) => secrets.map((name) => (name.startsWith('[') ? place + name : `${place}.${name}`));
/** The driver of MySQL gives an error the whole statement, password hashes and all. */
const paths = ['err.sql', ...secrets, ...places.flatMap(within)];

/**
 * Lines of JSON on standard error, or lines for people where that is a terminal: standard output belongs to what a command
 * prints. Written behind the work and not within it, since a write to a slow pipe holds up every request; what waits is
 * written at the exit of the process, a crash by an exception included. SIGKILL loses the last milliseconds of the log.
 */
export function createLog(
  level: string,
  format: 'auto' | 'json' | 'pretty' = 'auto',
  destination: DestinationStream = openDestination(format),
): Log {
  return pino({ level, base: { pid: process.pid }, redact: { paths, censor: '[redacted]' } }, destination);
}

function openDestination(format: 'auto' | 'json' | 'pretty'): DestinationStream {
  if (format === 'json' || (format === 'auto' && !process.stderr.isTTY))
    return pino.destination({ dest: 2, sync: false, maxLength: MAX_WAITING_BYTES });
  // Only where somebody looks: loading it takes longer than the rest of the log.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  return pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' });
}
