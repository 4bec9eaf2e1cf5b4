/** What is counted on each side, summed over coupons. Each coupon is taken as of one version: the one Redis had when it was read. */
export interface Totals {
  coupons: number;
  pieces: number;
  left: number;
  holders: number;
  events: number;
}
export const noTotals = (): Totals => ({ coupons: 0, pieces: 0, left: 0, holders: 0, events: 0 });

export interface Report {
  log: Totals;
  mysql: Totals;
  redis: Totals;
  /** Events that are in Redis and its outbox, and not in the log yet. */
  onTheirWay: number;
  /** Events that are nowhere, though there are later ones. */
  gaps: number;
  /** Grabs that sales_per_minute counts. */
  sales: number;
  /** Entries of the lists of sellers and customers. */
  views: number;
  deadLetters: number;
  /** How many things don't agree, and the first of them in words. */
  wrong: number;
  mismatches: string[];
}

const SHOWN_MISMATCHES = 20;

export function startReport() {
  const report: Report = {
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
  };
  const mismatch = (text: string) => {
    report.wrong++;
    if (report.mismatches.length < SHOWN_MISMATCHES) report.mismatches.push(text);
  };
  /** Takes over what was found of some coupons. */
  const add = (part: Report) => {
    for (const side of ['log', 'mysql', 'redis'] as const) {
      for (const what of Object.keys(report[side]) as (keyof Totals)[]) report[side][what] += part[side][what];
    }
    for (const what of ['onTheirWay', 'gaps', 'sales', 'views', 'deadLetters', 'wrong'] as const)
      report[what] += part[what];
    report.mismatches.push(...part.mismatches.slice(0, SHOWN_MISMATCHES - report.mismatches.length));
  };
  return { report, mismatch, add };
}
export type OpenReport = ReturnType<typeof startReport>;
