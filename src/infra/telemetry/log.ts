import { createRequire } from 'node:module';
import { type DestinationStream, type Logger, pino } from 'pino';
import { openLogDestination } from './logDestination.ts';
import { suppressRepeats } from './repeatedFailures.ts';
import { safeError } from './safeError.ts';

export type Log = Logger;

const STDERR = 2;
/** A line is cut here, so that no entry, list or message of a library can fill a disk. */
const MAX_LINE = 8 * 1024;

/** Defence in depth. No code logs such a field; should any ever do so by mistake, its value is not written. */
const secrets = ['authorization', 'cookie', '["set-cookie"]', 'password', 'token', 'jwtSecret'];
// Where such an object would be. Named one by one: a wildcard makes every line cost ten times as much.
const places = ['headers', 'req.headers', 'res.headers', 'body', 'config'];
const within = (place: string) => secrets.map((name) => (name.startsWith('[') ? place + name : `${place}.${name}`));
const paths = [...secrets, ...places.flatMap(within)];

/**
 * Lines of JSON on standard error, or lines for people where that is a terminal: standard output belongs to the results of a
 * command. Lines are written in the background, since a write to a slow pipe would hold up every request; waiting lines are written
 * at the exit of the process, also after an exception. SIGKILL loses the last milliseconds of the log.
 * Of an error only the fields of `safeError` are written, and a failure that repeats is written once in a while, with its count.
 */
export function createLog(
  level: string,
  format: 'auto' | 'json' | 'pretty' = 'auto',
  destination: DestinationStream = openDestination(format),
): Log {
  return pino(
    {
      level,
      base: { pid: process.pid },
      redact: { paths, censor: '[redacted]' },
      serializers: { err: safeError },
      hooks: { logMethod: suppressRepeats(), streamWrite: cutLine },
    },
    destination,
  );
}

/** A line over the limit keeps its level, time and message, and the head of the rest as text. */
function cutLine(line: string): string {
  if (line.length <= MAX_LINE) return line;
  const { level, time, pid, msg } = JSON.parse(line);
  return `${JSON.stringify({ level, time, pid, cut: line.length, head: line.slice(0, MAX_LINE / 4), msg })}\n`;
}

function openDestination(format: 'auto' | 'json' | 'pretty'): DestinationStream {
  if (format === 'json' || (format === 'auto' && !process.stderr.isTTY)) return openLogDestination(STDERR);
  // Loaded only on a terminal: it takes longer to load than the rest of the log.
  const pretty: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const stream = pretty({
    destination: STDERR,
    sync: true,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  });
  stream.on('error', () => {});
  return stream;
}
