import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, pino } from 'pino';

export type Log = Logger;

/** The buffer for a slow reader of standard error. When it is full, lines are dropped: a log must not hold up a sale. */
const MAX_WAITING_BYTES = 8 * 1024 * 1024;

/** Defence in depth: no code logs these fields on purpose, and a value that is logged by mistake is not written. */
const secrets = ['authorization', 'cookie', '["set-cookie"]', 'password', 'token', 'jwtSecret'];
// The objects that could hold such a field, named one by one: a wildcard would make every line ten times as expensive.
const places = ['headers', 'req.headers', 'res.headers', 'body', 'config', 'err'];
const within = (place: string) => secrets.map((name) => (name.startsWith('[') ? place + name : `${place}.${name}`));
/** The errors of the MySQL driver contain the whole statement, including password hashes: hence `err.sql`. */
const paths = ['err.sql', ...secrets, ...places.flatMap(within)];

/**
 * Logs to standard error: JSON lines, or readable lines on a terminal. Standard output is left to the results of commands. JSON lines
 * are written asynchronously, since a write to a slow pipe would hold up every request. At the exit of the process, also after an
 * uncaught exception, the buffer is written; SIGKILL loses the last milliseconds of the log.
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
  // Loaded only on a terminal, since loading it takes longer than the rest of the log.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  return pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' });
}
