import { rejects } from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as assert from 'uvu/assert';
import { type CouponName, keys } from '../../src/infra/keys.ts';
import { connectOnce } from '../../src/infra/stores/mysql.ts';
import type { ArchiveDeps } from '../../src/projections/archive/archiveCoupon.ts';
import { type Archived, archiveLog } from '../../src/projections/archive/archiveLog.ts';
import { type RestoreStep, restoreArchive } from '../../src/projections/archive/restoreArchive.ts';
import { verifyArchive } from '../../src/projections/archive/verifyArchive.ts';
import { bytesToId } from '../../src/projections/log/eventRows.ts';
import { runOn } from '../../src/projections/log/readLog.ts';
import { projections } from '../../src/projections/registry.ts';
import { openReplaySession } from '../../src/projections/replay/replaySession.ts';
import { replayAndCompare } from '../../src/projections/replay/replayTables.ts';
import { verifyAll } from '../../src/projections/verify/verifyStores.ts';
import { lifeOf } from './couponLife.ts';
import { gateOpens } from './outages.ts';
import { startProgram } from './program.ts';
import { assertSameAs, snapshotOf } from './redisSnapshot.ts';
import type { openTestSystem } from './testSystem.ts';
import { settled } from './testSystem.ts';

const newest = { seller: 'ann', name: 'first' };
type Opened = Awaited<ReturnType<typeof openTestSystem>>;

/** A system with coupons that are over and others, and what a test of the archive does with it. */
export function archivedSale({ system, config }: Opened, folder: string) {
  const { redis, mysql } = system;
  const stores = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl };
  const onSession = async <T>(
    work: (session: Awaited<ReturnType<typeof openReplaySession>>['session']) => Promise<T>,
  ) => {
    const { session, close } = await openReplaySession(config.mysqlUrl);
    try {
      return await work(session);
    } finally {
      await close();
    }
  };
  const idOf = async ({ seller, name }: CouponName): Promise<Buffer> => {
    const [row] = await mysql('coupons').where({ seller, name });
    return row.id;
  };
  return {
    idOf,
    /** A coupon with every event and a key for each, which is closed with one redeemed piece. */
    async givenWholeLife(of: CouponName): Promise<void> {
      const life = (key: string) => lifeOf(system, of, `${of.name} ${key}`);
      await life('new').create(4, { perCustomer: 3 });
      const [first, second] = [await life('first').grab('bob'), await life('second').grab('bob')];
      await life('back').release('bob', first);
      await life('till').redeem(second);
      await life('error').undo(second);
      await life('again').redeem(second);
      await life('pause').pause();
      await life('more').restock(3);
      await life('resume').resume();
      await life('terms').change({ stock: 7 });
      const eves = await life('eve').grab('eve');
      await life('eves').redeem(eves);
      await life('closed').close();
    },
    /** A closed coupon of so many grabs, whose period of validity has ended. */
    async givenExpired(of: CouponName, grabs: number): Promise<void> {
      await lifeOf(system, of, `${of.name} new`).create(grabs);
      for (let i = 0; i < grabs; i++) await lifeOf(system, of, `${of.name} ${i}`).grab(`c${i}`);
      await lifeOf(system, of).change({ validUntil: Date.now() * 1_000 - 1 });
      await lifeOf(system, of).close();
    },
    async givenOpen(of: CouponName): Promise<void> {
      await lifeOf(system, of).create(3);
      await lifeOf(system, of).grab('bob');
    },
    /** The events in the log, and the number of those that are archived. */
    async events(of: CouponName): Promise<{ hot: number; archived: number }> {
      const coupon_id = await idOf(of);
      const [hot] = await mysql('event_log').where({ coupon_id }).count({ events: '*' });
      const [archived] = await mysql('archived_coupons').where({ coupon_id });
      return { hot: Number(hot?.events), archived: Number(archived?.version ?? 0) };
    },
    fileOf: async (of: CouponName) => `${folder}/${bytesToId(await idOf(of))}.ndjson.gz`,
    /** `age`: microseconds. `onStep` may throw, as if the process was killed there: its connections close. */
    async archive(onStep: ArchiveDeps['onStep'] = () => {}, age = 0): Promise<Archived> {
      await settled(system);
      // The last event must be older than the time.
      await sleep(20);
      const before = Date.now() * 1_000 - age;
      return onSession((session) =>
        archiveLog({ reader: session.reader, writer: runOn(session.writer), folder, onStep }, before, () => {}),
      );
    },
    restore: (file: string, onStep: (step: RestoreStep) => void = () => {}) =>
      onSession((session) => restoreArchive(runOn(session.writer), file, onStep)),
    tool: (name: string, ...args: string[]) => startProgram(`src/tools/${name}.ts`, stores, args).ended,
    /** Redis is flushed and rebuilt from MySQL, and has the same as before. */
    async assertRebuilt(): Promise<void> {
      await settled(system);
      const before = await snapshotOf(redis);
      await redis.flushall();
      await rejects(() => system.fence.mustStand());
      await gateOpens(system);
      await assertSameAs(redis, before);
    },
    /** What `npm run verify -- --archive` checks, in this process. */
    async assertAgreement(): Promise<void> {
      const { connection, close } = await connectOnce(config.mysqlUrl);
      const { signal } = new AbortController();
      const { mismatches } = await verifyAll({ redis, connection, signal, onProgress: () => {} });
      const archived = await verifyArchive(runOn(connection), folder, signal);
      await close();
      assert.equal([...mismatches, ...archived.mismatches], []);
    },
    /** What `npm run replay -- --verify` checks, in this process. */
    async assertReplay(): Promise<void> {
      const differences: unknown[] = [];
      const { signal } = new AbortController();
      await onSession((session) =>
        replayAndCompare(session, { projections, signal, onProgress: () => {} }, (one) => differences.push(one)),
      );
      assert.equal(differences, []);
    },
    /** The newest event of the log always stays, so another coupon than those of the tests has it. */
    async prepare(): Promise<void> {
      await redis.set(keys.userView('ann'), 'seller');
      await this.givenOpen(newest);
    },
    async sellOn(): Promise<void> {
      await settled(system);
      await lifeOf(system, newest).pause();
      await lifeOf(system, newest).resume();
      await settled(system);
    },
  };
}
