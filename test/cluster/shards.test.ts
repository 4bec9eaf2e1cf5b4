import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allPartitions, partitionOf } from '../../src/infra/keys.ts';
import { connectOnce } from '../../src/infra/stores/mysql.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { verifyAll } from '../../src/projections/verify/verifyStores.ts';
import { listCoupons } from '../../src/queries/listCoupons.ts';
import { openSystem } from '../../src/system.ts';
import { openRedisCluster, type RedisCluster, slotOfPartition } from '../support/redisCluster.ts';
import { openTestStores } from '../support/testStores.ts';
import { customer, givenCoupon, settled } from '../support/testSystem.ts';
import { until as untilIn } from '../support/until.ts';
import { startSale } from './sale.ts';

// Two processes sell sixteen coupons, one in each partition, on a Redis Cluster of three masters and three replicas, while each outage
// happens. Every grab that was answered 201 must be in MySQL, in Redis and in the list of its customer afterwards.

interface Outage {
  name: string;
  /** Resolves to what ends the outage, which is called when the sale goes on again. */
  begin(cluster: RedisCluster): Promise<() => Promise<void> | void>;
}

/** The master of the first partition. */
const firstMaster = (cluster: RedisCluster) => cluster.masterOfPartition(0);
const killMaster = async (cluster: RedisCluster) => {
  const master = await firstMaster(cluster);
  await master.kill();
  return () => master.start();
};

const outages: Outage[] = [
  { name: 'a master is killed', begin: killMaster },
  {
    name: 'a master is frozen and wakes after its replica took over',
    async begin(cluster) {
      const master = await firstMaster(cluster);
      master.freeze();
      return () => master.thaw();
    },
  },
  {
    name: 'the link to a replica is cut, and then its master is killed',
    async begin(cluster) {
      const master = await firstMaster(cluster);
      const mend = await cluster.cutReplicaLink(master);
      await sleep(400);
      await master.kill();
      return async () => {
        await mend();
        await master.start();
      };
    },
  },
  {
    name: 'an operator fails over by hand',
    async begin(cluster) {
      const [replica] = await cluster.replicasOf(await firstMaster(cluster));
      if (replica === undefined) throw new Error('the master has no replica');
      await cluster.failOverByHand(replica);
      return () => {};
    },
  },
  {
    name: 'slots move from one master to another',
    async begin(cluster) {
      const from = await firstMaster(cluster);
      const partition = allPartitions.find((other) => slotOfPartition(other) !== slotOfPartition(0)) ?? 1;
      let to = await cluster.masterOfPartition(partition);
      for (const other of allPartitions) if (to === from) to = await cluster.masterOfPartition(other);
      await cluster.moveSlots({ slots: [slotOfPartition(0)], from, to });
      return () => cluster.moveSlots({ slots: [slotOfPartition(0)], from: to, to: from });
    },
  },
];

const { cluster, close: closeCluster } = await openRedisCluster();
const { config, close: closeStores } = await openTestStores({
  REDIS_URL: cluster.url,
  LOG_LEVEL: process.env.LOG_LEVEL ?? 'silent',
});
const log = createLog(config.logLevel);
const first = await openSystem(config, log);
const second = await openSystem(config, log);
const systems = [first.system, second.system];
const seller = 'ann';

const until = (what: string, isSo: () => boolean | Promise<boolean>) => untilIn(what, async () => isSo(), 20);
const areOpen = () =>
  systems.every(
    ({ gate, shards }) => gate.reason() === undefined && shards.all().every(({ replicas }) => replicas.areEnough()),
  );

/** One coupon in each partition, with this word in its name. */
async function givenCoupons(word: string): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; names.filter((name) => name !== undefined).length < allPartitions.length; i++) {
    const name = `${word} ${i}`;
    const partition = partitionOf({ seller, name });
    if (names[partition] !== undefined) continue;
    names[partition] = name;
    await givenCoupon(first.system, seller, name, 1_000_000);
  }
  return names;
}

/** Both stores and the lists have every success that was answered. Resolves to the number of unanswered grabs that stand. */
async function assertNothingLost(word: string, won: ReturnType<typeof startSale>['won']): Promise<number> {
  await cluster.whole();
  await until('the sale can go on', areOpen);
  await settled(first.system);
  const rows: { customer: Buffer; name: Buffer }[] = await first.system
    .mysql('coupon_grabs AS g')
    .join('coupons AS c', 'c.id', 'g.coupon_id')
    .where('c.name', 'like', `${word} %`)
    .select('g.customer', 'c.name');
  const logged = new Set(rows.map((row) => `${row.customer} ${row.name}`));
  const lost = won.filter(({ by, name }) => !logged.has(`${by} ${name}`));
  assert.equal(lost, [], 'lost');
  const { connection, close } = await connectOnce(config.mysqlUrl);
  const { signal } = new AbortController();
  const masters = first.system.shards.all().map(({ redis }) => redis);
  const report = await verifyAll({ redis: first.system.redis, masters, connection, signal, onProgress() {} });
  await close();
  assert.equal(report.mismatches, []);
  assert.is(report.deadLetters, 0);
  for (const { by, name } of won.slice(-50)) {
    const list = await listCoupons(second.system, customer(by), { username: by, page: 1 });
    assert.equal(Array.isArray(list) && list.map((coupon) => coupon.name), [name]);
  }
  return logged.size - won.length;
}

const test = suite('a Redis Cluster');

for (const { name, begin } of outages) {
  test(`when ${name}, no success is lost, and the other masters sell on`, async () => {
    const word = name.slice(0, 30);
    await cluster.whole();
    await until('the sale can go on', areOpen);
    const names = await givenCoupons(word);
    const sale = startSale(systems, names, word);
    const wonIn = (partitions: readonly number[]) =>
      sale.won.filter(({ name }) => partitions.includes(names.indexOf(name))).length;
    await until('the sale has begun', () => sale.won.length > 100);
    const master = await firstMaster(cluster);
    const masters = await Promise.all(allPartitions.map((partition) => cluster.masterOfPartition(partition)));
    const others = allPartitions.filter((partition) => masters[partition] !== master);

    const begun = Date.now();
    const endOutage = await begin(cluster);
    const before = { others: wonIn(others), first: wonIn([0]) };
    await until('the other masters sell on', () => wonIn(others) > before.others + 100);
    const othersAfter = Date.now() - begun;
    await until('the first partition is sold again', () => wonIn([0]) > before.first + 20);
    const again = Date.now() - begun;
    await endOutage();
    await sleep(500);
    await sale.end();

    const recovered = await assertNothingLost(word, sale.won);
    assert.equal(sale.refused, []);
    console.log(
      `${name}: ${sale.won.length} won, ${sale.unknown()} unknown, ${recovered} recovered, others ${othersAfter} ms, again after ${again} ms`,
    );
  });
}

test.after(async () => {
  await second.close();
  await first.close();
  await closeStores();
  await closeCluster();
});
test.run();
