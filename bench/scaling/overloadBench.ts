import { setTimeout as sleep } from 'node:timers/promises';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { figureTable, whole } from '../figures/figureTable.ts';
import { percentile } from '../figures/statistics.ts';
import { winPlan } from '../grabs/scenarios.ts';
import { type LoadResult, SHED } from '../load/loadPlan.ts';
import { seckillServer } from '../testbed/measuredServer.ts';
import { openTestbed, PLENTY, type Testbed, USER } from '../testbed/testbed.ts';

// Sends twice as many grabs a second as the same run has answered before, each when it is due. There are more connections than
// places in the line: with fewer, the grabs would wait in the crowd, and the server would never refuse one.

const OVERLOAD = 2;
const CONNECTIONS = 6_000;
const PROBE_EVERY_MS = 20;
const MAX_GRABS_PER_SECOND = 60_000;

interface Window {
  label: string;
  load: LoadResult;
  /** Sorted milliseconds of requests to other routes during the load. */
  healthz: number[];
  ownList: number[];
}

export interface OverloadBenchOptions {
  seconds: number;
  connections: number;
  json: boolean;
}

/** Resolves to false when the wins were not exact, no grab was refused properly, or another route failed. */
export async function benchOverload({ seconds, connections, json }: OverloadBenchOptions): Promise<boolean> {
  const stopped = stopSignal();
  const customers = Math.ceil(MAX_GRABS_PER_SECOND * seconds);
  const { testbed, close } = await openTestbed({ connections, customers });
  try {
    return await interruptible(stopped, measureOverload(testbed, { seconds, json }));
  } finally {
    await close();
  }
}

async function measureOverload(
  testbed: Testbed,
  { seconds, json }: { seconds: number; json: boolean },
): Promise<boolean> {
  const progress = startProgress();
  const paths = await testbed.createCoupons('rush', 4, PLENTY);
  const wrong: string[] = [];
  const run = async (round: number, label: string, more: { rate?: number; connections?: number }): Promise<Window> => {
    progress.show({ label, done: round, of: 4 });
    const before = await seckillServer(testbed).countGrabs();
    const { load, ...probes } = await probeDuring(testbed, () =>
      testbed.runLoad({
        plan: winPlan(testbed, paths.slice(round, round + 1)),
        seconds: round === 0 ? 1 : seconds,
        ...more,
      }),
    );
    await testbed.drained();
    const rows = (await seckillServer(testbed).countGrabs()) - before;
    const wins = load.outcomes['201 grabbed'] ?? 0;
    if (rows !== wins) wrong.push(`${label}: ${wins} grabs were answered 201, MySQL has ${rows} new rows`);
    const others = Object.keys(load.outcomes).filter((outcome) => outcome !== '201 grabbed' && outcome !== SHED);
    if (others.length > 0) wrong.push(`${label}: must be 201 or ${SHED}: ${JSON.stringify(load.outcomes)}`);
    wrong.push(...probes.wrong.map((line) => `${label}: ${line}`));
    return { label, load, ...probes };
  };
  await run(0, 'warming up', {});
  const calm = await run(1, 'as fast as the answers come', {});
  const rate = (OVERLOAD * calm.load.answered) / calm.load.seconds;
  const overload = { rate, connections: CONNECTIONS };
  const windows = [
    calm,
    await run(2, `${OVERLOAD} times that`, overload),
    await run(3, `${OVERLOAD} times that, again`, overload),
  ];
  progress.stop();
  if (windows.slice(1).every(({ load }) => load.outcomes[SHED] === undefined)) wrong.push('no grab was refused');
  console.log(json ? JSON.stringify(windows.map(summaryOf), undefined, 2) : overloadTable(windows));
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

/** Sends requests to other routes from this process while the load runs. */
async function probeDuring(testbed: Testbed, runLoad: () => Promise<LoadResult>) {
  const token = testbed.issueToken(USER.username, 'customer');
  const wrong = new Set<string>();
  let running = true;
  const probe = async (path: string, expected: number): Promise<number[]> => {
    const times: number[] = [];
    while (running) {
      const sent = performance.now();
      const { status } = await fetch(`${testbed.url}${path}`, { headers: { authorization: token } });
      times.push(performance.now() - sent);
      if (status !== expected) wrong.add(`${path} answered ${status}`);
      await sleep(PROBE_EVERY_MS);
    }
    return times.sort((a, b) => a - b);
  };
  // 204: the user's own list is empty.
  const probes = Promise.all([probe('/healthz', 200), probe(`/api/users/${USER.username}/coupons`, 204)]);
  const load = await runLoad().finally(() => {
    running = false;
  });
  const [healthz, ownList] = await probes;
  return { load, healthz, ownList, wrong: [...wrong] };
}

const summaryOf = ({ label, load, healthz, ownList }: Window) => {
  const share = (outcome: string) => (load.outcomes[outcome] ?? 0) / Math.max(1, load.answered);
  return {
    label,
    perSecond: load.answered / load.seconds,
    winsPerSecond: (load.outcomes['201 grabbed'] ?? 0) / load.seconds,
    shed: share(SHED),
    winLatency: load.latencyOf['201 grabbed'],
    shedLatency: load.latencyOf[SHED],
    healthzP99: percentile(healthz, 0.99),
    ownListP99: percentile(ownList, 0.99),
  };
};

function overloadTable(windows: Window[]): string {
  const table = figureTable([
    '',
    'req/s',
    'wins/s',
    '503 + Retry-After',
    'wins p50 p99, ms',
    '503 p50 p99, ms',
    'healthz p99',
    'own list p99',
  ]);
  const p50AndP99 = (latency: LoadResult['latency'] | undefined) =>
    latency === undefined ? '' : `${latency.p50.toFixed(0)}  ${latency.p99.toFixed(0)}`;
  for (const window of windows.map(summaryOf))
    table.push([
      window.label,
      whole(window.perSecond),
      whole(window.winsPerSecond),
      `${(100 * window.shed).toFixed(1)} %`,
      p50AndP99(window.winLatency),
      p50AndP99(window.shedLatency),
      whole(window.healthzP99),
      whole(window.ownListP99),
    ]);
  return table.toString();
}
