import { type Logger, pino } from 'pino';

export type Log = Logger;

/** Lines of JSON on standard error: standard output belongs to what a command prints for people. */
export function createLog(level: string): Log {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ dest: 2, sync: true }));
}
