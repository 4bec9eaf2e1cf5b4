import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatefulSet } from 'kubernetes-types/apps/v1.js';
import type { Job } from 'kubernetes-types/batch/v1.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { safeSettings } from '../../src/infra/stores/redisSafety.ts';
import { type ClusterNode, clusterIsWhole, readStates } from '../support/clusterNodes.ts';
import { root } from '../support/dockerfile.ts';
import { freePort } from '../support/freePort.ts';
import { clusterManifests, compose, composeCluster, interpolate, readYaml } from '../support/manifests.ts';
import { createRedisServer } from '../support/redisServer.ts';

// The files for a Redis Cluster and Galera. The Redis servers of compose run here as processes with the arguments of the file, and the
// script of the files makes a cluster of them.

const test = suite('the files for a Redis Cluster and Galera');
const SCRIPT = join(root, 'deploy/k8s-cluster/form-redis-cluster.sh');
const { services } = composeCluster;
const sets = clusterManifests.filter(({ kind }) => kind === 'StatefulSet') as StatefulSet[];
const job = clusterManifests.find(({ kind }) => kind === 'Job') as Job;

/** The settings that `redis-server --name value --name value` has. */
function settingsOf(command: readonly string[] = []): Record<string, string> {
  const pairs = command
    .slice(1)
    .flatMap((word, place, words) => (place % 2 === 0 ? [[word, words[place + 1] ?? '']] : []));
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name.replace(/^--/, ''), value]));
}

const redisArguments = [
  ...Object.entries(services)
    .filter(([name]) => /^redis(-\d)?$/.test(name))
    .map(([name, { command }]) => [name, settingsOf(command)] as const),
  ...sets.map((set) => [set.metadata?.name ?? '', settingsOf(set.spec?.template.spec?.containers[0]?.args)] as const),
];

/** A master and its replicas for each argument of the script. */
const groupsOf = (words: readonly string[]) =>
  words
    .filter((word) => word.includes(':6379'))
    .map((group) => group.split(',').map((node) => node.split(':')[0] ?? ''));
const composeGroups = groupsOf((services['redis-cluster']?.command?.at(-1) ?? '').split(' '));
const k8sGroups = groupsOf(job.spec?.template.spec?.containers[0]?.args ?? []);

test('every Redis keeps what it has acknowledged, and one lost node stops nothing but its own slots', () => {
  const wanted = {
    ...safeSettings,
    'cluster-enabled': 'yes',
    'cluster-require-full-coverage': 'no',
    'cluster-allow-reads-when-down': 'no',
    'min-replicas-to-write': '1',
  };
  assert.is(redisArguments.length, 6 + 3);
  for (const [name, settings] of redisArguments)
    for (const [setting, value] of Object.entries(wanted)) assert.is(settings[setting], value, `${name}: ${setting}`);
});

test('the script gets every server once, and no two servers share an address or a volume', () => {
  const names = Object.keys(services).filter((name) => /^redis(-\d)?$/.test(name));
  assert.equal(composeGroups.flat().sort(), names.sort());
  const pods = sets.flatMap(({ metadata, spec }) =>
    Array.from({ length: spec?.replicas ?? 0 }, (_, number) => `${metadata?.name}-${number}.${spec?.serviceName}`),
  );
  assert.equal(k8sGroups.flat().sort(), pods.sort());
  const addresses = names.map((name) => services[name]?.networks?.default?.ipv4_address);
  const volumes = Object.values(services).flatMap(({ volumes = [] }) => volumes.map((volume) => volume.split(':')[0]));
  for (const own of [addresses, volumes]) assert.is(new Set(own).size, own.length);
  for (const volume of volumes) assert.not(`${volume}` in compose.volumes, volume);
});

test('on Kubernetes, each master has its replicas in the other zones, and each zone has one master', () => {
  const zoneOf = (pod: string) => pod.split('-')[1] ?? '';
  for (const group of k8sGroups) assert.is(new Set(group.map(zoneOf)).size, 3, group.join());
  assert.is(new Set(k8sGroups.map(([master = '']) => zoneOf(master))).size, 3);
  const zones = sets.map((set) => set.spec?.template.spec?.nodeSelector?.['topology.kubernetes.io/zone']);
  assert.is(new Set(zones).size, 3);
});

test('MYSQL_URL names all nodes of Galera, which use the same settings as one MariaDB does', () => {
  const url = interpolate(services.app?.environment?.MYSQL_URL ?? '', { MYSQL_PASSWORD: 'password' });
  const nodes = Object.keys(services).filter((name) => name.startsWith('mariadb'));
  const { mysqlUrl = '' } = readConfig({ MYSQL_URL: url, JWT_SECRET: 'a secret of the tests that is long enough' });
  assert.is(mysqlUrl.split('@')[1], `${nodes.map((name) => `${name}:3306`).join()}/seckill`);
  for (const name of nodes) {
    const command = services[name]?.command ?? [];
    for (const argument of compose.services.mariadb?.command ?? []) assert.ok(command.includes(argument), argument);
    assert.ok(command.includes(`--wsrep-cluster-address=gcomm://${nodes.join()}`));
  }
  const { spec, metadata } = readYaml('deploy/k8s-cluster/mariadb.yaml');
  const secret = clusterManifests.find(({ kind }) => kind === 'Secret') as { stringData?: Record<string, string> };
  const pods = Array.from({ length: spec.replicas }, (_, n) => `${metadata.name}-${n}.${metadata.name}-internal:3306`);
  assert.is(secret.stringData?.MYSQL_URL?.split('@')[1], `${pods.join()}/seckill`);
  const settings: string[] = spec.myCnf.trim().split('\n');
  for (const argument of compose.services.mariadb?.command ?? [])
    assert.ok(settings.includes(argument.replace(/^--/, '').replace(/-(?=[^=]*=)/g, '_')), argument);
});

// From here on with real servers, one for each name.
const folders: string[] = [];
const started: ClusterNode[] = [];
async function startServers(dataOf?: ReadonlyMap<string, string>) {
  const parent = mkdtempSync(join(tmpdir(), 'seckill-files-'));
  folders.push(parent);
  const servers = new Map<string, ClusterNode>();
  for (const name of composeGroups.flat()) {
    const [port, busPort] = [await freePort(), await freePort()];
    const settings = { ...settingsOf(services[name]?.command), 'cluster-port': busPort };
    const server = { ...createRedisServer({ parent, port, settings }), id: '', busPort };
    const data = dataOf?.get(name);
    if (data !== undefined) cpSync(join(data, 'nodes.conf'), join(parent, String(port), 'nodes.conf'));
    started.push(server);
    await server.start();
    server.id = String(await server.send('CLUSTER', 'MYID'));
    servers.set(name, server);
  }
  const runScript = () => {
    const at = (name: string) => `127.0.0.1:${servers.get(name)?.port}`;
    const groups = composeGroups.map((group) => group.map(at).join());
    const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, ...groups], { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    return stdout;
  };
  const folderOf = (name: string) => join(parent, String(servers.get(name)?.port));
  return { servers, runScript, folderOf };
}
const mastersOf = async (servers: ReadonlyMap<string, ClusterNode>) => {
  const nodes = [...servers.values()];
  await clusterIsWhole(nodes);
  const nameOf = (id: string) => [...servers].find(([, node]) => node.id === id)?.[0];
  return Object.fromEntries(
    (await readStates(nodes)).flatMap(({ node, isMaster, masterId }) =>
      isMaster ? [] : [[nameOf(node.id), nameOf(masterId)]],
    ),
  );
};

test('the script makes the cluster that the file describes, and changes nothing when it runs again', async () => {
  const { servers, runScript } = await startServers();
  const wanted = Object.fromEntries(composeGroups.flatMap(([master, ...replicas]) => replicas.map((r) => [r, master])));

  const first = runScript();
  const made = await mastersOf(servers);
  const second = runScript();
  const after = await mastersOf(servers);

  assert.match(first, 'the cluster is whole, new: yes');
  assert.equal(made, wanted);
  assert.match(second, /^the cluster is whole\n$/);
  assert.equal(after, wanted);
});

test('after all servers have come back at other addresses, the script makes them a cluster again', async () => {
  const before = await startServers();
  before.runScript();
  const made = await mastersOf(before.servers);
  for (const server of before.servers.values()) await server.stop();

  const names = composeGroups.flat();
  const { servers, runScript } = await startServers(new Map(names.map((name) => [name, before.folderOf(name)])));
  const printed = runScript();

  assert.match(printed, 'the cluster is whole, new: no');
  assert.equal(await mastersOf(servers), made);
});

test.after(async () => {
  for (const server of started) await server.kill();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
test.run();
