import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { allPartitions } from '../../src/infra/keys.ts';
import { createCertificates } from '../support/certificates.ts';
import { type ClusterNode, hasSlot, readStates, SLOTS, until } from '../support/clusterNodes.ts';
import { openRedisCluster, slotOfPartition } from '../support/redisCluster.ts';

// The cluster of the tests itself, without the program: whether it is a Redis Cluster, and whether each operation does what it says.

const { cluster, close } = await openRedisCluster();
const test = suite('the Redis Cluster of the tests');
const SLOT = slotOfPartition(3);
const KEY = '{3}:key';

async function pair() {
  const master = await cluster.masterOf(SLOT);
  const [replica] = await cluster.replicasOf(master);
  if (replica === undefined) throw new Error('the master has no replica');
  return { master, replica };
}

async function givenKey(value: string): Promise<void> {
  const { master } = await pair();
  assert.is(await master.send('SET', KEY, value), 'OK');
}

/** Resolves when the replica has taken over. */
const promoted = (replica: ClusterNode) =>
  until('the replica is the master', async () => (await cluster.masterOf(SLOT).catch(() => undefined)) === replica);

const runIds = () =>
  Promise.all(cluster.nodes.map(async (node) => /run_id:(\w+)/.exec(String(await node.send('INFO', 'server')))?.[1]));

const refusal = (command: Promise<unknown>) =>
  command.then(
    (reply) => `no refusal: ${reply}`,
    (error: Error) => error.message,
  );

test.before.each(() => cluster.whole());

test('three masters share all slots, and each has a replica', async () => {
  const masters = (await readStates(cluster.nodes)).filter(({ isMaster }) => isMaster);

  assert.is(masters.length, 3);
  for (const slot of [0, 5_461, 10_922, SLOTS - 1])
    assert.is(masters.filter((state) => hasSlot(state, slot)).length, 1, `slot ${slot}`);
  for (const { node } of masters) assert.is((await cluster.replicasOf(node)).length, 1);
});

test('the partitions are spread over all masters', async () => {
  const masters = await Promise.all(allPartitions.map((partition) => cluster.masterOfPartition(partition)));

  assert.is(new Set(masters).size, 3);
});

test('when a master is killed, its replica takes over with its keys, and the other masters serve meanwhile', async () => {
  await givenKey('before the kill');
  const { master, replica } = await pair();
  const slots = await Promise.all(allPartitions.map(async (p) => [p, await cluster.masterOfPartition(p)] as const));
  const [elsewhere, other] = slots.find(([, node]) => node !== master) ?? [];

  const killed = performance.now();
  await master.kill();
  const meanwhile = await other?.send('SET', `{${elsewhere}}:key`, 'meanwhile');
  await promoted(replica);
  console.log(`a replica has taken over ${Math.round(performance.now() - killed)} ms after the kill`);
  const value = await replica.send('GET', KEY);
  await master.start();
  await cluster.whole();

  assert.is(meanwhile, 'OK');
  assert.is(value, 'before the kill');
  assert.equal(await cluster.replicasOf(replica), [master]);
});

test('a master that was frozen while its replica took over becomes a replica when it wakes', async () => {
  const { master, replica } = await pair();

  master.freeze();
  await promoted(replica);
  master.thaw();
  await cluster.whole();

  assert.equal(await cluster.replicasOf(replica), [master]);
});

test('a replica whose link is cut gets nothing more, and catches up when the link is mended', async () => {
  await givenKey('before the cut');
  const { master, replica } = await pair();
  await replica.send('READONLY');

  const mend = await cluster.cutReplicaLink(master);
  await givenKey('after the cut');
  const followed = await master.send('WAIT', '1', '300');
  const state = String(await replica.send('INFO', 'replication'));
  await mend();
  await cluster.whole();

  assert.is(followed, 0);
  assert.match(state, 'master_link_status:down');
  assert.equal(await pair(), { master, replica }, 'nobody failed over');
});

test('an operator fails over to a replica, and the old master follows it', async () => {
  const { master, replica } = await pair();

  await cluster.failOverByHand(replica);
  await cluster.whole();

  assert.equal(await pair(), { master: replica, replica: master });
});

test('a slot moves with its keys: the old master says ASK for what has moved, and MOVED afterwards', async () => {
  const { master } = await pair();
  const to = (await readStates(cluster.nodes)).find(({ isMaster, node }) => isMaster && node !== master)?.node;
  if (to === undefined) throw new Error('there is one master');
  const names = Array.from({ length: 25 }, (_, number) => `{3}:${number}`);
  for (const name of names) await master.send('SET', name, name);
  const halfway: string[] = [];

  await cluster.moveSlots({
    slots: [SLOT],
    from: master,
    to,
    keysAtOnce: 10,
    halfway: async () => {
      for (const name of names) halfway.push(String(await master.send('GET', name).catch(({ message }) => message)));
    },
  });
  await cluster.whole();

  const asked = halfway.filter((reply) => reply === `ASK ${SLOT} 127.0.0.1:${to.port}`).length;
  assert.ok(asked > 0 && asked < names.length, `${asked} of ${names.length} answers were ASK`);
  assert.is(await cluster.masterOf(SLOT), to);
  assert.match(await refusal(master.send('GET', KEY)), `MOVED ${SLOT} 127.0.0.1:${to.port}`);
  for (const name of names) assert.is(await to.send('GET', name), name);
});

test('a rolling restart starts every process again and loses no key', async () => {
  await givenKey('before the restarts');
  const before = await runIds();

  await cluster.rollRestart();

  const after = await runIds();
  assert.equal(
    after.filter((id) => id === undefined || before.includes(id)),
    [],
  );
  assert.is(await (await pair()).master.send('GET', KEY), 'before the restarts');
});

test('an added master has no slot until one is moved to it', async () => {
  const { master } = await pair();

  const newcomer = await cluster.addMaster();
  const [state] = await readStates([newcomer]);
  await cluster.moveSlots({ slots: [SLOT], from: master, to: newcomer });
  await cluster.whole();

  assert.equal([state?.isMaster, state?.slots], [true, []]);
  assert.is(await cluster.masterOf(SLOT), newcomer);
});

test('with TLS, a user and min-replicas-to-write, the user of the app writes while the master has its replica', async () => {
  const certificates = await createCertificates();
  const user = { name: 'app', password: 'of the app', rules: '~* +set' };
  const guarded = await openRedisCluster({ certificates, user, minReplicas: 1 });
  try {
    const master = await guarded.cluster.masterOf(SLOT);
    const tls = { ca: readFileSync(certificates.ca) };
    const redis = new Redis(master.port, 'localhost', {
      username: 'app',
      password: 'of the app',
      tls,
      // The user may do nothing but SET.
      enableReadyCheck: false,
    });
    const [together, forbidden] = [await redis.set(KEY, 'value'), await refusal(redis.get(KEY))];
    const mend = await guarded.cluster.cutReplicaLink(master);
    const alone = await refusal(redis.set(KEY, 'value'));
    await mend();
    redis.disconnect();
    await guarded.cluster.rollRestart();

    assert.is(together, 'OK');
    assert.match(forbidden, /^NOPERM/);
    assert.match(alone, /^NOREPLICAS/);
    assert.is(guarded.cluster.url.replace(/\d{5}/g, 'PORT').split('?')[0], EXPECTED_URL);
  } finally {
    await guarded.close();
  }
});
const addresses = Array.from({ length: 6 }, () => 'localhost:PORT').join();
const EXPECTED_URL = `rediss+cluster://app:of%20the%20app@${addresses}`;

test.after(close);
test.run();
