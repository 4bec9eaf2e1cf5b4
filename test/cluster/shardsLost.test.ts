import { setTimeout as sleep } from 'node:timers/promises';
import calculateSlot from 'cluster-key-slot';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allPartitions, keys, partitionOf } from '../../src/infra/keys.ts';
import { aclRules, clusterRules } from '../../src/infra/stores/redisPermissions.ts';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { createCertificates } from '../support/certificates.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openRedisCluster } from '../support/redisCluster.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// One server on a Redis Cluster with TLS and the user of docs/OPERATIONS.md, of which a master is emptied, and then another one is lost
// together with its replica.

const user = { name: 'seckill', password: 'of the app', rules: `${aclRules} ${clusterRules}` };
const certificates = await createCertificates();
const { cluster, close: closeCluster } = await openRedisCluster({ user, certificates });
const operator = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const {
  config,
  environment,
  close: closeStores,
} = await openTestStores({
  REDIS_URL: cluster.url,
  OPERATOR_TOKENS: `olga=${operator}`,
});
const program = startProgram('src/main.ts', environment);
const url = await program.listening;
const issueToken = createTokenIssuer(config.jwtSecret, 3_600);
const test = suite('a Redis Cluster that loses shards');

const ann = issueToken('ann', 'seller');
const send = async (method: string, path: string, token: string, body?: object) => {
  const headers = { authorization: token, 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return { status: answer.status, body: JSON.parse((await answer.text()) || '{}') as { data: { name: string }[] } };
};
const readyz = async () => {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, body: (await answer.json()) as { shutPartitions?: number[]; why?: string } };
};
const isWhole = async () => {
  const { status, body } = await readyz();
  return status === 200 && body.shutPartitions === undefined;
};
const grab = (by: string, name: string) => send('PATCH', `/api/users/ann/coupons/${name}`, issueToken(by, 'customer'));
const listOf = async (by: string) => {
  const { status, body } = await send('GET', `/api/users/${by}/coupons?page=1`, issueToken(by, 'customer'));
  return status === 200 ? body.data.map(({ name }) => name).sort() : status;
};

/** One coupon in each partition. */
const names: string[] = [];
for (let i = 0; Object.keys(names).length < allPartitions.length; i++)
  names[partitionOf({ seller: 'ann', name: `c${i}` })] ??= `c${i}`;
/** In partition 0, and not created yet. */
const newName = Array.from({ length: 500 }, (_, i) => `new${i}`).find(
  (name) => partitionOf({ seller: 'ann', name }) === 0,
);
const customers = Array.from({ length: 12 }, (_, i) => `customer-${i}`);

await until('the server is ready', isWhole);
for (const name of names) {
  const coupon = { name, amount: 1_000, stock: 5, description: '' };
  assert.is((await send('POST', '/api/users/ann/coupons', ann, coupon)).status, 201);
}

test('a master that was emptied gets its coupons and all of its lists back', async () => {
  for (const by of customers) for (const name of names) assert.is((await grab(by, name)).status, 201, `${by} ${name}`);

  await (await cluster.masterOfPartition(0)).send('FLUSHALL');

  await until('the server has noticed', async () => !(await isWhole()));
  await until('the server is ready', isWhole);
  for (const by of customers) assert.equal(await listOf(by), [...names].sort(), by);
  assert.is((await grab('customer-0', names[0] ?? '')).status, 204);
  const { status, stdout } = await startProgram('src/tools/verify.ts', environment).ended;
  assert.match(stdout, /all agree/);
  assert.is(status, 0);
});

test('a decision that no replica has yet is in no list, since a failover may lose it', async () => {
  const [name = ''] = names;
  const waiting = customers.map((by) => `${by} waits`);
  const master = await cluster.masterOfPartition(0);
  const mend = await cluster.cutReplicaLink(master);

  const answers = await Promise.all(waiting.map((by) => grab(by, name)));

  assert.equal([...new Set(answers.map(({ status }) => status))], [503]);
  const held = (await master.send('HKEYS', keys.holders({ seller: 'ann', name }))) as string[];
  const decided = waiting.filter((by) => held.includes(by));
  assert.ok(decided.length > 0);
  for (const by of decided) assert.is(await listOf(by), 204, by);
  await mend();
  await cluster.whole();
  await until('the lists have the pieces', async () => {
    const lists = await Promise.all(decided.map(listOf));
    return lists.every((list) => Array.isArray(list) && list.join() === name);
  });
});

test('while no replica confirms, a creation is refused and reserves no room', async () => {
  const room = keys.room('ann');
  const reserved = async () => (await cluster.masterOf(calculateSlot(room))).send('ZCARD', room);
  const mend = await cluster.cutReplicaLink(await cluster.masterOfPartition(0));
  await until('readyz names the partition', async () => (await readyz()).body.shutPartitions?.includes(0) === true);
  const before = await reserved();

  const coupon = { name: newName, amount: 1, stock: 1, description: '' };
  assert.is((await send('POST', '/api/users/ann/coupons', ann, coupon)).status, 503);

  assert.is(await reserved(), before);
  await mend();
  await cluster.whole();
  await until('the server is ready', isWhole);
  assert.is((await send('POST', '/api/users/ann/coupons', ann, coupon)).status, 201);
});

test('while a master and its replica are away, readyz names their partitions, and the coupons of the others are sold', async () => {
  const lost = await cluster.masterOfPartition(0);
  const masters = await Promise.all(allPartitions.map((partition) => cluster.masterOfPartition(partition)));
  const shut = allPartitions.filter((partition) => masters[partition] === lost);
  const replicas = await cluster.replicasOf(lost);
  for (const node of [...replicas, lost]) await node.kill();

  await until('readyz names partitions', async () => (await readyz()).body.shutPartitions !== undefined);
  await sleep(500);
  const { status, body } = await readyz();
  assert.equal([status, body.shutPartitions], [200, shut]);
  assert.match(body.why ?? '', /not reconciled/);
  for (const partition of allPartitions) {
    const isShut = shut.includes(partition);
    assert.is((await grab('late', names[partition] ?? '')).status, isShut ? 503 : 201, String(partition));
  }

  const { data } = (await send('GET', '/api/operator/state', operator)).body as unknown as {
    data: { redis: { error: string; state: { reconciled: boolean; partitions: { partition: number }[] } } };
  };
  assert.is(data.redis.error, `the Redis of the partitions ${shut.join(', ')} does not answer`);
  assert.is(data.redis.state.reconciled, false);
  assert.equal(
    data.redis.state.partitions.map(({ partition }) => partition),
    allPartitions.filter((partition) => !shut.includes(partition)),
  );

  for (const node of [lost, ...replicas]) await node.start();
  await cluster.whole();
  await until('the server is ready', isWhole);
  for (const partition of shut) assert.is((await grab('late', names[partition] ?? '')).status, 201);
  assert.equal(await listOf('late'), [...names].sort());
});

test.after(async () => {
  program.kill('SIGTERM');
  await program.ended;
  await endPrograms();
  await closeStores();
  await closeCluster();
});
test.run();
