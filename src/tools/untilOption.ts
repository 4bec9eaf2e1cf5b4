import type { Until } from '../projections/replay/replayTables.ts';

/** Parses a position in the log, or a moment in ISO 8601, in UTC if it has no zone. Returns undefined if the text is neither. */
export function parseUntil(text: string): Until | undefined {
  if (/^\d{1,15}$/.test(text)) return { position: Number(text) };
  const [, date, time = 'T00:00', seconds = ':00', fraction = '', zone = 'Z'] =
    /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d)?(:\d\d)?(?:\.(\d{1,6}))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? [];
  if (date === undefined) return undefined;
  const milliseconds = Date.parse(`${date}${time}${seconds}${zone}`);
  // Some engines move 30 February to March; it is refused here.
  if (Number.isNaN(milliseconds) || !isDay(date)) return undefined;
  return { occurredAt: milliseconds * 1_000 + Number(fraction.padEnd(6, '0')) };
}

const isDay = (date: string) => {
  const parsed = new Date(`${date}T00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
};
