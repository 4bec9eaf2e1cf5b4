import { cpus } from 'node:os';
import { busySeconds } from '../figures/measureWork.ts';
import { cpuOf, cpuOfTree } from '../figures/processUsage.ts';
import { medianOf } from '../figures/statistics.ts';
import { scenariosNamed } from '../grabs/grabBench.ts';
import { winPlan } from '../grabs/scenarios.ts';
import type { LoadPlan, LoadResult } from '../load/loadPlan.ts';
import { bytesPerEvent } from '../scaling/growthBench.ts';
import { seckillServer } from '../testbed/measuredServer.ts';
import { PLENTY, type Testbed } from '../testbed/testbed.ts';
import type { Costs, Figures, WinFigures } from './costs.ts';
import { bytesOf, decidingCalls, readStores, storeVersions } from './storeTotals.ts';

// What requests cost in a running system, by the arrangement of the app processes, in turns: on the same stores, and on a Redis Cluster.

interface Server {
  url: string;
  pid: number;
}

interface WinCase {
  name: keyof Costs['wins'];
  testbed: Testbed;
  servers: Server[];
  processes: number;
  coupons: number;
  connections: number;
  /** The case that the ratio compares it with. */
  base: keyof Costs['wins'];
}

export interface MeasuredRequests {
  wins: Costs['wins'];
  others: Costs['others'];
  bytes: Costs['bytes'];
  bytesPerHolder: number;
  logBytesPerGrab: number;
  bytesPerEvent: number;
  stores: { redis: string; mysql: string };
}

const HOLDERS = 10_000;
const OTHERS = { late: 'late-crowd', look: 'seller-list', ownList: 'own-list' } as const;

/** `again`: a second app process, one with two workers, and a testbed on a Redis Cluster. */
export async function measureRequests(
  testbed: Testbed,
  again: { machine: Server; workers: Server; cluster: Testbed },
  { seconds, rounds }: { seconds: number; rounds: number },
  onStep: () => void,
): Promise<MeasuredRequests> {
  const one = serverOf(testbed);
  const [connections, wide] = [testbed.connections, testbed.connections * 4];
  const machines = [one, again.machine];
  const onCluster = { testbed: again.cluster, servers: [serverOf(again.cluster)], processes: 1, connections };
  const many = { testbed, coupons: 100, base: 'oneMany' } as const;
  const single = { testbed, coupons: 1, base: 'one' } as const;
  const cases: WinCase[] = [
    { name: 'one', servers: [one], processes: 1, ...single, connections },
    { name: 'oneWide', servers: [one], processes: 1, ...single, connections: wide },
    { name: 'workers', servers: [again.workers], processes: 2, ...single, connections },
    { name: 'machines', servers: machines, processes: 2, ...single, connections },
    { name: 'oneMany', servers: [one], processes: 1, ...many, connections },
    { name: 'workersMany', servers: [again.workers], processes: 2, ...many, connections },
    { name: 'machinesMany', servers: machines, processes: 2, ...many, connections },
    { ...single, ...onCluster, name: 'cluster' },
    { ...many, ...onCluster, name: 'clusterMany' },
  ];
  const holders = await measureHolders(testbed);
  onStep();
  const bytes: Record<string, number> = {};
  const wins = new Map<WinCase['name'], Omit<WinFigures, 'ratio'>[]>();
  // Round 0 is the warm-up.
  for (let round = 0; round <= rounds; round++)
    for (const { name, testbed, servers, processes, coupons, connections } of cases) {
      const paths = await testbed.createCoupons(`${name}-${round}`, coupons, PLENTY);
      const callsBefore = await decidingCalls(testbed);
      const plan = winPlan(testbed, paths);
      const { figures, loads } = await measureLoads(testbed, servers, plan, { seconds, connections });
      const calls = (await decidingCalls(testbed)) - callsBefore;
      bytes.grab ??= bytesOf(testbed, plan, loads[0]);
      const answered = loads.reduce((sum, load) => sum + load.answered, 0);
      const won = loads.reduce((sum, load) => sum + (load.outcomes['201 grabbed'] ?? 0), 0);
      if (won !== answered) throw new Error(`${name}: not every grab won: ${JSON.stringify(loads[0]?.outcomes)}`);
      const sample = {
        ...figures,
        connections,
        processes,
        coupons,
        grabsPerCall: won / calls,
      };
      if (round > 0) wins.set(name, [...(wins.get(name) ?? []), sample]);
      onStep();
    }
  const others = {} as Costs['others'];
  for (const [name, scenarioName] of Object.entries(OTHERS) as [keyof Costs['others'], string][]) {
    const [scenario] = scenariosNamed(scenarioName);
    if (scenario === undefined) throw new Error(`no scenario ${scenarioName}`);
    const planOf = await scenario.setUp(testbed, rounds);
    const samples: Figures[] = [];
    for (let round = 0; round <= rounds; round++) {
      const plan = planOf(round);
      const { figures, loads } = await measureLoads(testbed, [one], plan, { seconds, connections });
      for (const load of loads) {
        const wrong = scenario.check(load);
        if (wrong !== undefined) throw new Error(`${scenarioName}: ${wrong}`);
      }
      bytes[name] = bytesOf(testbed, plan, loads[0]);
      if (round > 0) samples.push(figures);
      onStep();
    }
    others[name] = medianOf(samples);
    if (name !== 'late') continue;
    // The same requests and answers without any work: a yardstick for the machine.
    const bare = { url: testbed.bareUrl, pid: testbed.bare.pid };
    const { loads } = await measureLoads(testbed, [one], planOf(0), { seconds: 0.1, connections });
    await testbed.bare.call('setAnswer', loads[0]?.sample);
    await measureLoads(testbed, [bare], planOf(0), { seconds, connections });
    others.bare = (await measureLoads(testbed, [bare], planOf(0), { seconds, connections })).figures;
  }
  const events = await seckillServer(testbed).countGrabs();
  const withRatio = ({ name, base }: WinCase): [string, WinFigures] => {
    const samples = wins.get(name) ?? [];
    const bases = wins.get(base) ?? [];
    const ratio = medianOf(samples.map(({ perSecond }, round) => perSecond / (bases[round]?.perSecond ?? 1)));
    return [name, { ...medianOf(samples), ratio }];
  };
  const { grab = 0, late = 0, look = 0 } = bytes;
  return {
    wins: Object.fromEntries(cases.map(withRatio)) as Costs['wins'],
    others,
    bytes: { grab, late, look, redisPerGrab: holders.redisNet, mysqlPerGrab: holders.mysqlNet },
    bytesPerHolder: holders.redis,
    logBytesPerGrab: holders.log,
    bytesPerEvent: await bytesPerEvent(testbed, events),
    stores: await storeVersions(testbed),
  };
}

const serverOf = ({ url, pids }: Testbed): Server => ({ url, pid: pids.node });

/** What a holder takes: grabs of customers who have no key in Redis yet. */
async function measureHolders(testbed: Testbed) {
  const paths = await testbed.createCoupons('holders', 1, PLENTY);
  await testbed.drained();
  const before = await readStores(testbed);
  await testbed.expectOutcome('201 grabbed', { ...winPlan(testbed, paths), requests: HOLDERS });
  await testbed.drained();
  const after = await readStores(testbed);
  const each = (part: keyof typeof after) => Math.max(1, (after[part] - before[part]) / HOLDERS);
  return { redis: each('redisMemory'), log: each('redisLog'), redisNet: each('redisNet'), mysqlNet: each('mysqlNet') };
}

/** Shares the connections and the customers between the servers, and measures until MySQL has every event. */
async function measureLoads(
  testbed: Testbed,
  servers: readonly Server[],
  plan: LoadPlan,
  { seconds, connections }: { seconds: number; connections: number },
): Promise<{ figures: Figures; loads: LoadResult[] }> {
  const read = () => ({
    node: servers.reduce((sum, { pid }) => sum + (cpuOfTree(pid) ?? 0), 0),
    redis: testbed.redisPids.reduce((sum, pid) => sum + (cpuOf(pid) ?? 0), 0),
    mysql: cpuOf(testbed.pids.mysql) ?? 0,
    load: cpuOf(testbed.loadProcess.pid) ?? 0,
  });
  const customers = Math.floor(plan.customers / servers.length);
  const [before, busyBefore, started] = [read(), busySeconds(), performance.now()];
  const loads = await Promise.all(
    servers.map(({ url }, place) => {
      const share = { ...plan, customers, firstCustomer: plan.firstCustomer + place * customers };
      if (plan.requests !== undefined) share.requests = Math.floor(plan.requests / servers.length);
      return testbed.runLoad({ plan: share, seconds, connections: connections / servers.length, url });
    }),
  );
  await testbed.drained();
  const [after, busy, elapsed] = [read(), busySeconds() - busyBefore, (performance.now() - started) / 1_000];
  const answered = loads.reduce((sum, load) => sum + load.answered, 0);
  const usOf = (part: keyof typeof after) => (after[part] - before[part]) / answered;
  const ours = Object.keys(after).reduce((sum, part) => sum + usOf(part as keyof typeof after) * answered, 0) / 1e6;
  const figures = {
    perSecond: loads.reduce((sum, load) => sum + load.answered / load.seconds, 0),
    p50Ms: loads.reduce((sum, { latency }) => sum + latency.p50, 0) / loads.length,
    p99Ms: Math.max(...loads.map(({ latency }) => latency.p99)),
    nodeUs: usOf('node'),
    redisUs: usOf('redis'),
    mysqlUs: usOf('mysql'),
    loadUs: usOf('load'),
    cores: Math.max(0.1, cpus().length - Math.max(0, busy - ours) / elapsed),
  };
  return { figures, loads };
}
