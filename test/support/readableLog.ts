import { createLog } from '../../src/infra/telemetry/log.ts';

const WARN = 40;
const ERROR = 50;

/** A log whose lines a test can read. */
export function readableLog(level = 'info') {
  let text = '';
  const write = (line: string) => {
    text += line;
  };
  const lines = (): Record<string, unknown>[] =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const requests = () => lines().filter(({ msg }) => msg === 'request');
  /** Errors, and warnings about broken-off requests. Any request may be slow on a busy machine, which is a warning too. */
  const alarms = () =>
    lines().filter(({ level, outcome }) => Number(level) >= (outcome === 'broken-off' ? WARN : ERROR));
  return { log: createLog(level, 'json', { write }), text: () => text, lines, requests, alarms };
}
