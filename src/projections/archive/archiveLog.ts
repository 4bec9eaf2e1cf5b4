import { OperatorError } from '../../operatorError.ts';
import { hex, type RunSql } from '../log/sql.ts';
import { type ArchiveDeps, archiveCoupon, deleteArchived } from './archiveCoupon.ts';
import { archiveFileOf, mustBeArchive } from './archiveFile.ts';
import { type Choice, chooseCoupons } from './chooseCoupons.ts';
import { readArchivedCoupons } from './pages.ts';

export interface Archived {
  coupons: number;
  events: number;
  /** Coupons that an earlier run had archived without deleting all their rows. */
  completed: number;
  blocked: Choice['blocked'];
}

/** Archives every coupon that is over and whose last event is older than `before`, in microseconds. */
export async function archiveLog(
  deps: ArchiveDeps,
  before: number,
  onCoupon: (done: number, of: number) => void,
): Promise<Archived> {
  const [clock] = await deps.writer('SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED) AS now');
  if (before > Number(clock?.now)) throw new OperatorError('--before is in the future: nothing was archived');
  const completed = await completeEarlierRun(deps);
  const { coupons, blocked } = await chooseCoupons(deps.writer, before);
  let events = 0;
  for (const [place, coupon] of coupons.entries()) {
    await archiveCoupon(deps, coupon);
    events += coupon.version;
    onCoupon(place + 1, coupons.length);
  }
  return { coupons: coupons.length, events, completed, blocked };
}

/** Ends what a killed run has begun. The file is checked again before anything is deleted. */
async function completeEarlierRun(deps: ArchiveDeps): Promise<number> {
  const { writer, folder } = deps;
  await deleteOrphanPages(writer);
  let completed = 0;
  for await (const coupons of readArchivedCoupons(writer)) {
    for (const coupon of coupons) {
      const { id, version, digest } = coupon;
      const [left] = await writer(
        `SELECT version FROM event_log WHERE coupon_id = ${hex(id)} AND version <= ${version} LIMIT 1`,
      );
      if (left === undefined) continue;
      await mustBeArchive(archiveFileOf(folder, id), { events: version, digest });
      await deleteArchived(deps, coupon);
      completed++;
    }
  }
  return completed;
}

/** Pages of coupons that are not archived are what a killed run has left. */
export const deleteOrphanPages = (writer: RunSql) =>
  writer(
    `DELETE p FROM archived_pages p LEFT JOIN archived_coupons a ON a.coupon_id = p.coupon_id WHERE a.coupon_id IS NULL`,
  );
