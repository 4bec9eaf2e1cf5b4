import { createLRU } from 'lru.min';
import type { MysqlReads } from '../infra/stores/mysqlReads.ts';
import { archivedVersions } from '../projections/archive/pages.ts';
import { idToBytes } from '../projections/log/eventRows.ts';
import { runOnPool } from '../projections/log/pause.ts';

/** Coupons whose progress is remembered. */
const MAX_REMEMBERED = 10_000;

export interface LogProgress {
  /** The highest version, at most `version`, up to which MySQL has all events of the coupon. */
  completeUpTo(couponId: string, version: number): Promise<number>;
}

/**
 * Several processes write the log, so a version may arrive shortly after a higher one. A client that continues a list after the
 * highest version would never see the lower one; after a complete version nothing is missed. The log only grows, so the versions that
 * were counted once are not counted again.
 */
export function createLogProgress({ reads }: { reads: MysqlReads }): LogProgress {
  const remembered = createLRU<string, number>({ max: MAX_REMEMBERED });
  return {
    async completeUpTo(couponId, version) {
      let from = remembered.get(couponId) ?? 0;
      if (version <= from) return version;
      const id = idToBytes(couponId);
      let complete = from + (await countComplete(reads, id, from, version));
      if (complete < version) {
        const archived = await reads.read((mysql) => archivedVersions(runOnPool(mysql), [id]));
        from = archived.get(couponId) ?? 0;
        if (from > complete) complete = from + (await countComplete(reads, id, from, version));
      }
      remembered.set(couponId, complete);
      return complete;
    },
  };
}

/** The number of consecutive versions from `from`, exclusive, up to `to`, inclusive. Versions are unique within a coupon. */
function countComplete(reads: MysqlReads, id: Buffer, from: number, to: number): Promise<number> {
  const range = 'FROM event_log WHERE coupon_id = ? AND version > ? AND version <= ?';
  return reads.read(async (mysql) => {
    const [[all]] = await mysql.raw(`SELECT COUNT(*) AS counted, MAX(version) AS highest ${range}`, [id, from, to]);
    if (all.counted === 0 || all.highest === from + all.counted) return all.counted;
    const [[before]] = await mysql.raw(
      `SELECT COUNT(*) AS counted FROM (SELECT version, ROW_NUMBER() OVER (ORDER BY version) AS place ${range}) numbered
       WHERE version = ? + place`,
      [id, from, to, from],
    );
    return before.counted;
  });
}
