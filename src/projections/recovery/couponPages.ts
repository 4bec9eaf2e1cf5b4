import type { Mysql } from '../../infra/stores/mysql.ts';
import { archivedVersions, readArchived } from '../archive/pages.ts';
import type { CouponRow } from '../couponRow.ts';
import { bytesToId, type EventRow, eventColumns, rowsToEvents } from '../log/eventRows.ts';
import { runOnPool } from '../log/pause.ts';

/** Events in a page. Two pages are in memory at once: one is written while the next one is read. */
const PAGE = 10_000;

/**
 * The events of these coupons in pages, coupon by coupon; `whole` are the coupons that end with the page. Small coupons share a page;
 * a coupon with more events than a page has pages of its own.
 */
export async function* couponPages(mysql: Mysql, rows: readonly CouponRow[]) {
  const select = () => mysql('event_log').select(...eventColumns);
  const run = runOnPool(mysql);
  const ids = rows.map(({ id }) => id);
  const archived = await archivedVersions(run, ids);
  const archivedOf = ({ id }: CouponRow) => archived.get(bytesToId(id)) ?? 0;
  for (const group of groupsOf(rows, (row) => archivedOf(row) > 0)) {
    const [only, another] = group;
    if (only !== undefined && another === undefined) {
      const packed = archivedOf(only);
      if (packed > 0)
        for await (const page of readArchived(run, only.id)) yield { events: rowsToEvents(page), whole: [] };
      for (let version = packed; ; version += PAGE) {
        const page: EventRow[] = await select()
          .where({ coupon_id: only.id })
          .whereBetween('version', [version + 1, version + PAGE])
          .orderBy('version');
        yield { events: rowsToEvents(page), whole: page.length < PAGE ? [only] : [] };
        if (page.length < PAGE) break;
      }
      continue;
    }
    const ids = group.map(({ id }) => id);
    const page: EventRow[] = await select().whereIn('coupon_id', ids).orderBy(['coupon_id', 'version']);
    yield { events: rowsToEvents(page), whole: group };
  }
}

/** Groups of coupons whose events fit into one page, or one coupon that has more, or that is archived. */
function* groupsOf(rows: readonly CouponRow[], isAlone: (row: CouponRow) => boolean): Generator<CouponRow[]> {
  let group: CouponRow[] = [];
  let events = 0;
  for (const row of rows) {
    if (isAlone(row)) {
      yield [row];
      continue;
    }
    if (group.length > 0 && events + row.version > PAGE) {
      yield group;
      group = [];
      events = 0;
    }
    group.push(row);
    events += row.version;
  }
  if (group.length > 0) yield group;
}
