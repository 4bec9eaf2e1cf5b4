import type { CouponRef } from '../../src/events.ts';
import type { Mysql } from '../../src/infra/stores/mysql.ts';
import { writePage } from '../../src/projections/archive/archiveCoupon.ts';
import { packPages } from '../../src/projections/archive/pages.ts';
import { idToBytes } from '../../src/projections/log/eventRows.ts';
import { runOnPool } from '../../src/projections/log/pause.ts';
import type { LoggedRow } from '../../src/projections/log/readLog.ts';

/** Archives the events of a coupon without a file. Those up to version `left` stay in event_log, as after an archiving that was killed. */
export async function archiveEvents(mysql: Mysql, { id, seller, name }: CouponRef, left = 0): Promise<void> {
  const coupon_id = idToBytes(id);
  const rows: LoggedRow[] = await mysql('event_log').where({ coupon_id }).orderBy('version');
  const pages = async function* () {
    yield rows;
  };
  for await (const page of packPages(pages())) await writePage(runOnPool(mysql), coupon_id, page);
  const [version, last_position] = [rows.length, rows.at(-1)?.position];
  await mysql('archived_coupons').insert({ coupon_id, seller, name, version, last_position, digest: '-' });
  await mysql('event_log').where({ coupon_id }).where('version', '>', left).delete();
}
