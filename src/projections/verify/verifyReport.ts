/** Sums over coupons, for one side. Each coupon counts as of the version that Redis had when its coupon was read. */
export interface Totals {
  coupons: number;
  pieces: number;
  left: number;
  /** Pieces that customers hold. */
  held: number;
  released: number;
  redeemed: number;
  events: number;
}

export interface Report {
  log: Totals;
  mysql: Totals;
  redis: Totals;
  /** Events that are in Redis and its outbox, but not in the log yet. */
  onTheirWay: number;
  /** Versions that are neither in the log nor in the outbox, although Redis has decided them. */
  gaps: number;
  /** Grabs that sales_per_minute counts. */
  sales: number;
  /** Entries of the views of sellers and customers. */
  views: number;
  deadLetters: number;
  /** The number of mismatches. */
  wrong: number;
  /** The first mismatches, in words. */
  mismatches: string[];
}

const SHOWN_MISMATCHES = 20;
const MAX_SUSPICIONS = 1_000;

export const noTotals = (): Totals => ({
  coupons: 0,
  pieces: 0,
  left: 0,
  held: 0,
  released: 0,
  redeemed: 0,
  events: 0,
});

export const emptyReport = (): Report => ({
  log: noTotals(),
  mysql: noTotals(),
  redis: noTotals(),
  onTheirWay: 0,
  gaps: 0,
  sales: 0,
  views: 0,
  deadLetters: 0,
  wrong: 0,
  mismatches: [],
});

export function addMismatch(report: Report, text: string): void {
  report.wrong++;
  if (report.mismatches.length < SHOWN_MISMATCHES) report.mismatches.push(text);
}

/**
 * Mismatches of single pieces. A piece that changes between two reads looks like one, but only in one attempt: the next attempt finds
 * the event in the log. So a suspicion is a mismatch if the attempt before had it too.
 */
export interface Suspicions {
  /** Undefined in the first attempt, which counts every suspicion. */
  before: ReadonlySet<string> | undefined;
  now: Set<string>;
}

export function addSuspicion(report: Report, { before, now }: Suspicions, text: string): void {
  if (now.size < MAX_SUSPICIONS) now.add(text);
  if (before === undefined || before.has(text) || before.size === MAX_SUSPICIONS) addMismatch(report, text);
}

/** Adds the report on some coupons to the report on all. */
export function addReport(report: Report, part: Report): void {
  for (const side of ['log', 'mysql', 'redis'] as const) {
    for (const count of Object.keys(report[side]) as (keyof Totals)[]) report[side][count] += part[side][count];
  }
  for (const count of ['onTheirWay', 'gaps', 'sales', 'views', 'deadLetters', 'wrong'] as const)
    report[count] += part[count];
  report.mismatches.push(...part.mismatches.slice(0, SHOWN_MISMATCHES - report.mismatches.length));
}
