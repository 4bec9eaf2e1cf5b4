import type { Until } from '../projections/replay/replayTables.ts';

/** A position in the log, or a moment in ISO 8601; undefined when the text is neither. A moment without a zone is in UTC. */
export function parseUntil(text: string): Until | undefined {
  if (/^\d{1,15}$/.test(text)) return { position: Number(text) };
  const [, date, time = 'T00:00', seconds = ':00', fraction = '', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d)?(:\d\d)?(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  if (date === undefined) return undefined;
  const milliseconds = Date.parse(`${date}${time}${seconds}${zone}`);
  // A day that no month has is moved into the next one by some, and refused here.
  if (Number.isNaN(milliseconds) || !isDay(date)) return undefined;
  return { occurredAt: milliseconds * 1_000 + Number(fraction.padEnd(6, '0')) };
}

const isDay = (date: string) => {
  const parsed = new Date(`${date}T00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
};
