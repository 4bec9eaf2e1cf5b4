import { newCode } from '../../src/coupon/code.ts';
import { type CouponName, keys, partitionOf } from '../../src/infra/keys.ts';
import { bytesToId } from '../../src/projections/log/eventRows.ts';
import { hex, hexId, insertRows, type RunSql } from '../../src/projections/log/sql.ts';
import type { System } from '../../src/system.ts';
import { lifeOf } from './couponLife.ts';
import { settled } from './testSystem.ts';

const ROWS = 10_000;
const START = 1_700_000_000_000_000;

/**
 * Given a coupon with so many holders, whose names `nameOf` makes of the version of their grab. They are written to MySQL directly,
 * which takes seconds for a million; of their events, the log has the version alone.
 */
export async function givenManyHolders(
  system: System,
  coupon: CouponName,
  count: number,
  nameOf: (version: number) => string,
): Promise<void> {
  await lifeOf(system, coupon).create(count);
  await settled(system);
  const run: RunSql = async (statement) => (await system.mysql.raw(statement))[0];
  const [row] = await run(`SELECT id FROM coupons WHERE seller = ${hex(coupon.seller)} AND name = ${hex(coupon.name)}`);
  const id = hexId(bytesToId(row?.id as Buffer));
  const partition = partitionOf(coupon);
  for (let done = 0; done < count; done += ROWS) {
    const versions = Array.from({ length: Math.min(ROWS, count - done) }, (_, place) => done + place + 2);
    const names = `${hex(coupon.seller)},${hex(coupon.name)}`;
    await insertRows(
      run,
      'event_log',
      'coupon_id,version,type,seller,name,occurred_at,data',
      versions.map((version) => `(${id},${version},'CouponGrabbed',${names},${START + version},'{}')`),
    );
    await insertRows(
      run,
      'coupon_grabs',
      'coupon_id,version,customer,grabbed_at,code',
      versions.map(
        (version) => `(${id},${version},${hex(nameOf(version))},${START + version},'${newCode(partition)}')`,
      ),
    );
  }
  await system.redis.hset(keys.coupon(coupon), { version: count + 1, left: 0 });
}
