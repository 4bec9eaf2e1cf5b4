import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectOnce } from '../../src/infra/stores/mysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { verifyAll } from '../../src/projections/verify/verifyStores.ts';
import { openSystem } from '../../src/system.ts';
import { lockCoupons } from '../support/outages.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openRedisGroup, type RedisGroup } from '../support/redisGroup.ts';
import { openTestStores } from '../support/testStores.ts';
import { givenCoupon, settled } from '../support/testSystem.ts';
import { startSale } from './sale.ts';

// Two processes sell on a Redis with replicas and Sentinel while an outage of each kind happens. Every grab that was answered 201 must be
// in MySQL and in Redis afterwards.

const GRABBERS = 24;
const SALE_AGAIN_MS = 60_000;

interface Outage {
  name: string;
  /** Resolves to what ends the outage, which is called when the sale goes on again. */
  begin(group: RedisGroup): Promise<() => Promise<void> | void>;
  /** Whether the sale cannot go on before the outage has ended. */
  stopsSale?: true;
}

const killMaster = async (group: RedisGroup) => {
  const master = await group.master();
  await master.kill();
  return () => master.start();
};

/** The replicas get nothing more, and are not told why. */
async function cutOffReplicas({ master, members }: RedisGroup): Promise<void> {
  const ofSale = await master();
  const replicas = members.filter((member) => member !== ofSale);
  await Promise.all(replicas.map((replica) => replica.send('REPLICAOF', '127.0.0.1', '1')));
}

const outages: Outage[] = [
  { name: 'the master is killed', begin: killMaster },
  {
    name: 'the master is frozen and wakes after another one took over',
    async begin(group) {
      const master = await group.master();
      master.freeze();
      return () => master.thaw();
    },
  },
  {
    name: 'the master wakes before another one took over',
    async begin(group) {
      const master = await group.master();
      master.freeze();
      await sleep(600);
      master.thaw();
      return () => {};
    },
  },
  {
    name: 'the replicas are cut off, and then the master is killed',
    async begin(group) {
      await cutOffReplicas(group);
      await sleep(400);
      return killMaster(group);
    },
  },
  {
    name: 'an operator fails over by hand',
    async begin(group) {
      const before = await group.master();
      await group.failOver();
      await until('another master', async () => (await group.master()) !== before);
      return () => {};
    },
  },
  {
    name: 'both replicas are away',
    stopsSale: true,
    async begin(group) {
      const master = await group.master();
      const replicas = group.members.filter((member) => member !== master);
      await Promise.all(replicas.map((replica) => replica.kill()));
      return async () => {
        await Promise.all(replicas.map((replica) => replica.start()));
      };
    },
  },
];

const { group, close: closeGroup } = await openRedisGroup();
const {
  config,
  environment,
  close: closeStores,
} = await openTestStores({
  REDIS_URL: group.url,
  LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
});
const log = createLog(config.logLevel);
const first = await openSystem(config, log);
const second = await openSystem(config, log);
const systems = [first.system, second.system];

const until = async (what: string, isSo: () => boolean | Promise<boolean>) => {
  for (const limit = Date.now() + SALE_AGAIN_MS; !(await isSo()); await sleep(20))
    if (Date.now() > limit) throw new Error(`not in time: ${what}`);
};

const untilReady = () =>
  until('the sale can go on', () =>
    systems.every(({ shards, gate }) => isReady(shards.mustBeEnoughReplicas) && gate.reason() === undefined),
  );

/** Both stores have every success that was answered, and agree. Resolves to the number of grabs that were not answered and stand. */
async function assertNothingLost(coupon: string, won: readonly string[]): Promise<number> {
  await group.replicasFollow(2);
  await untilReady();
  await settled(first.system);
  const rows: { customer: Buffer }[] = await first.system
    .mysql('coupon_grabs AS g')
    .join('coupons AS c', 'c.id', 'g.coupon_id')
    .where('c.name', coupon)
    .select('g.customer');
  const logged = new Set(rows.map((row) => row.customer.toString()));
  assert.equal(
    won.filter((by) => !logged.has(by)),
    [],
    'lost',
  );
  const { connection, close } = await connectOnce(config.mysqlUrl);
  const { redis } = first.system;
  const { signal } = new AbortController();
  const report = await verifyAll({ redis, connection, signal, onProgress() {} });
  await close();
  assert.equal(report.mismatches, []);
  assert.is(report.deadLetters, 0);
  return logged.size - won.length;
}

const everything = suite('a Redis whose replica takes over');
/** The sabotages run one test of this file on a copy of the project. */
const { ONLY_TEST = '' } = process.env;
const test = (name: string, run: () => Promise<void>) => {
  if (name.includes(ONLY_TEST)) everything(name, run);
};

for (const [number, { name, begin, stopsSale }] of outages.entries()) {
  test(`when ${name}, no success that was answered is lost`, async () => {
    const coupon = `coupon ${number}`;
    await untilReady();
    await givenCoupon(first.system, 'ann', coupon, 1_000_000);
    const sale = startSale(systems, [coupon], coupon);
    await until('the sale has begun', () => sale.won.length > 100);

    const endOutage = await begin(group);
    if (stopsSale) {
      await until('the sale has stopped', () => !systems.some(({ shards }) => isReady(shards.mustBeEnoughReplicas)));
      const before = sale.won.length;
      await sleep(1_000);
      assert.is(sale.won.length, before, 'nothing is sold without a replica');
      await endOutage();
    }
    const begun = Date.now();
    const before = sale.won.length;
    await until('the sale goes on', () => sale.won.length > before + 200);
    const again = Date.now() - begun;
    if (!stopsSale) await endOutage();
    await sleep(500);
    await sale.end();

    const recovered = await assertNothingLost(
      coupon,
      sale.won.map(({ by }) => by),
    );
    assert.equal(sale.refused, []);
    console.log(
      `${name}: ${sale.won.length} won, ${sale.unknown()} unknown, ${recovered} recovered, on sale again after ${again} ms`,
    );
  });
}

test('when a process dies together with a master whose replicas were cut off, no success that it answered is lost', async () => {
  const coupon = 'last words';
  await untilReady();
  await givenCoupon(first.system, 'ann', coupon, 1_000_000);
  const program = startProgram('src/main.ts', environment);
  const url = await program.listening;
  const issueToken = createTokenIssuer(config.jwtSecret, 3_600);
  const won: string[] = [];
  let alive = true;
  const grabber = async (number: number) => {
    for (let i = 0; alive; i++) {
      const by = `p-${number}-${i}`;
      const headers = { authorization: issueToken(by, 'customer') };
      const path = `${url}/api/users/ann/coupons/${encodeURIComponent(coupon)}`;
      const status = await fetch(path, { method: 'PATCH', headers }).then(
        (answer) => answer.status,
        () => 0,
      );
      if (status === 201) won.push(by);
    }
  };
  const grabbers = Array.from({ length: GRABBERS }, (_, number) => grabber(number));
  await until('the sale has begun', () => won.length > 100);

  // The events stay out of MySQL, in the memory of the process and in Redis.
  const unlock = await lockCoupons(first.system, coupon);
  const master = await group.master();
  await cutOffReplicas(group);
  await sleep(600);
  alive = false;
  program.kill('SIGKILL');
  await master.kill();
  await Promise.all([program.ended, ...grabbers]);
  await unlock();

  await until('the gates are shut', () => systems.some(({ gate }) => gate.reason() !== undefined));
  await until('the sale goes on', () => systems.every(({ gate }) => gate.reason() === undefined));
  await master.start();
  await assertNothingLost(coupon, won);
});

const isReady = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

everything.after(async () => {
  await endPrograms();
  await second.close();
  await first.close();
  await closeStores();
  await closeGroup();
});
everything.run();
