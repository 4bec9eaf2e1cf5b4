import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectOnce } from '../../../src/infra/stores/mysql.ts';
import { openRedis } from '../../../src/infra/stores/redis.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { runOn } from '../../../src/projections/log/readLog.ts';
import type { Report } from '../../../src/projections/verify/verifyReport.ts';
import { verifyAll, verifyOne } from '../../../src/projections/verify/verifyStores.ts';
import { openSystem } from '../../../src/system.ts';
import { lifeOf } from '../../support/couponLife.ts';
import { decideGrabsOf } from '../../support/decideGrabsOf.ts';
import { givenCoupon, openTestSystem, settled } from '../../support/testSystem.ts';

// A storm of cut connections during a sale, with verify beside it. `STORM_ROUNDS=50 npm test -- verifyStorm` is the long form.

const ROUNDS = Number(process.env.STORM_ROUNDS ?? 5);
const COUPONS = 3;
const BUYERS = 12;
const GRABS_A_CALL = 60;
const VERIFIES_A_ROUND = 2;
/** The other rounds verify their own coupons, because the log grows with every round. */
const VERIFY_ALL_EVERY = 10;

const { system, config, close } = await openTestSystem();
const other = await openSystem(config, createLog('silent'));
// Verify has connections of its own, which the storm spares.
const { redis, close: closeRedis } = await openRedis(config.redisUrl, createLog('silent'));
const { connection, close: closeConnection } = await connectOnce(config.mysqlUrl);
const test = suite('npm run verify in a storm');

async function cutRedis(): Promise<number> {
  const own = String(await redis.client('ID'));
  const ids = [...String(await redis.client('LIST')).matchAll(/^id=(\d+) /gm)].map(([, id]) => String(id));
  const cut = ids.filter((id) => id !== own);
  await Promise.all(cut.map((id) => redis.client('KILL', 'ID', id)));
  return cut.length;
}

async function cutMysql(): Promise<number> {
  const run = runOn(connection);
  const rows = await run(
    'SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
  );
  // A connection that ended meanwhile is no fault of the storm.
  for (const { id } of rows) await run(`KILL ${id}`).catch(() => {});
  return rows.length;
}

const couponOf = (round: number, place: number) => `storm ${round}-${place}`;

/** After a cut, the gate is shut for a moment. */
async function untilCreated(name: string): Promise<void> {
  for (;;) {
    try {
      return await givenCoupon(system, 'ann', name, 1_000_000);
    } catch (error) {
      // The coupon was created by a try before this one, whose reply was lost.
      if (/not created/.test((error as Error).message)) return;
      await sleep(10);
    }
  }
}

const verifyEverything = async () => [
  await verifyAll({ redis, connection, signal: new AbortController().signal, onProgress: () => {} }),
];

async function verifyRound(round: number): Promise<Report[]> {
  const reports: Report[] = [];
  for (let place = 0; place < COUPONS; place++) {
    const report = await verifyOne({ redis, connection }, `ann/${couponOf(round, place)}`);
    if (report !== undefined) reports.push(report);
  }
  return reports;
}

test('verify finds no mismatch right after connections to both stores were cut', async () => {
  let selling = true;
  let sold = 0;
  let pausing = true;
  let round = 0;
  // Many grabs share a script call: the writing of their view entries takes long enough to be cut in the middle.
  const crowd = Array.from({ length: BUYERS }, async (_, buyer) => {
    for (let i = 0; selling; i++) {
      while (selling && pausing) await sleep(5);
      const coupon = { seller: 'ann', name: couponOf(round, i % COUPONS) };
      const customers = Array.from({ length: GRABS_A_CALL }, (_, place) => `buyer ${buyer} ${i} ${place}`);
      const use = async (by: typeof system) => {
        const requests = customers.map((customer) => ({ customer, idempotencyKey: '' }));
        const [first, second] = await decideGrabsOf(by, coupon, requests);
        sold++;
        const [redeemed, given] = [first, second].map((result) => (result && 'code' in result ? result.code : ''));
        const life = lifeOf(by, coupon);
        if (redeemed) await life.redeem(redeemed);
        if (given) await life.release(customers[1] ?? '', given);
      };
      await use(buyer % 2 ? other.system : system).catch(() => sleep(10));
    }
  });
  const found: string[] = [];
  let cut = 0;
  let onTheirWay = 0;
  for (; round < ROUNDS; round++) {
    for (let i = 0; i < COUPONS; i++) await untilCreated(couponOf(round, i));
    const soldBefore = sold;
    pausing = false;
    while (sold < soldBefore + 12) await sleep(0);
    if (round % 3 !== 1) cut += await cutRedis();
    if (round % 3 !== 0) cut += await cutMysql();
    pausing = true;
    for (let again = 0; again < VERIFIES_A_ROUND; again++) {
      const reports = await (round % VERIFY_ALL_EVERY === 0 ? verifyEverything() : verifyRound(round));
      for (const report of reports) onTheirWay += report.onTheirWay;
      for (const text of reports.flatMap(({ mismatches }) => mismatches))
        found.push(`round ${round}.${again}: ${text}`);
    }
  }
  selling = false;
  await Promise.all(crowd);
  await settled(system);
  found.push(...(await verifyEverything()).flatMap(({ mismatches }) => mismatches));
  assert.equal(found, []);
  assert.ok(cut > ROUNDS && onTheirWay > 0, `${cut} cut, ${onTheirWay} on their way`);
});

test.after(async () => {
  await closeRedis();
  await closeConnection();
  await other.close();
  await close();
});
test.run();
