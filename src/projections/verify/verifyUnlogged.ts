import type { Redis } from 'ioredis';
import type { Connection } from 'mysql2';
import { couponOfKey, couponPath, keyPatterns } from '../../infra/keys.ts';
import { bytesToId, idToBytes } from '../log/eventRows.ts';
import { runOn } from '../log/readLog.ts';
import { hex } from '../log/sql.ts';
import { readOutboxVersions, scanKeys } from './readRedis.ts';
import { addMismatch, type Report } from './verifyReport.ts';

/** Finds coupons in Redis that are neither in the log nor in the outbox. */
export async function verifyUnlogged(
  { redis, masters, connection }: { redis: Redis; masters: readonly Redis[]; connection: Connection },
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  for await (const found of scanKeys(masters, keyPatterns.coupons)) {
    signal.throwIfAborted();
    if (found.length === 0) continue;
    const coupons = await Promise.all(
      found.map(async (key) => {
        const [id, version] = await redis.hmget(key, 'id', 'version');
        return { id, version: Number(version), ...couponOfKey(key) };
      }),
    );
    // The outbox is read before the log: an event leaves the outbox after it is committed, so it is found in one of the two.
    const inOutbox = await readOutboxVersions(redis, coupons);
    const ids = coupons.flatMap(({ id }) => (id == null ? [] : [hex(idToBytes(id))])).join(',');
    if (ids === '') continue;
    const rows = await runOn(connection)(
      `SELECT DISTINCT coupon_id FROM event_log WHERE coupon_id IN (${ids})
       UNION SELECT coupon_id FROM archived_coupons WHERE coupon_id IN (${ids})`,
    );
    const logged = new Set(rows.map(({ coupon_id }) => bytesToId(coupon_id as Buffer)));
    for (const { id, version, ...coupon } of coupons) {
      if (id == null || logged.has(id)) continue;
      const ranges = inOutbox.get(id)?.versions ?? [];
      if (ranges.length === 0) addMismatch(report, `${couponPath(coupon)}: Redis has the coupon, the log does not`);
      else report.onTheirWay += ranges.reduce((sum, { from, to }) => sum + Math.min(to, version) - from + 1, 0);
    }
  }
}
