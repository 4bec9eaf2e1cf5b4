import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { MANY, winPlan } from '../grabs/scenarios.ts';
import { type Load, percentile, SHED } from '../load/loadPlan.ts';
import { ours } from '../testbed/measuredServer.ts';
import { openStage, type Stage, USER } from '../testbed/testbed.ts';

// Twice as many grabs a second as the same run has shown to be possible, sent when they are due whatever has been answered. More
// connections than the line has places: with fewer, the crowd would wait by itself and nobody would have to be turned away.

const TIMES = 2;
const CONNECTIONS = 6_000;
const PROBE_EVERY_MS = 20;
const MOST_A_SECOND = 60_000;

interface Window {
  what: string;
  load: Load;
  /** Of other routes, asked meanwhile: milliseconds, sorted. */
  healthz: number[];
  ownList: number[];
}

export interface OverloadOptions {
  seconds: number;
  connections: number;
  json: boolean;
}

/** False when a win was not exact, nobody was turned away properly, or another route did not answer. */
export async function benchOverload({ seconds, connections, json }: OverloadOptions): Promise<boolean> {
  const stopped = stopSignal();
  const { stage, close } = await openStage({ connections, customers: Math.ceil(MOST_A_SECOND * seconds) });
  try {
    return await interruptible(stopped, overload(stage, { seconds, json }));
  } finally {
    await close();
  }
}

async function overload(stage: Stage, { seconds, json }: { seconds: number; json: boolean }): Promise<boolean> {
  const progress = startProgress();
  const paths = await stage.createCoupons('rush', 4, MANY);
  const wrong: string[] = [];
  const run = async (round: number, what: string, more: { rate?: number; connections?: number }): Promise<Window> => {
    progress.show({ label: what, done: round, of: 4 });
    const before = await ours(stage).countGrabs();
    const { load, ...probes } = await probing(stage, () =>
      stage.load({ plan: winPlan(stage, paths.slice(round, round + 1)), seconds: round === 0 ? 1 : seconds, ...more }),
    );
    await stage.settled();
    const rows = (await ours(stage).countGrabs()) - before;
    const wins = load.outcomes['201 grabbed'] ?? 0;
    if (rows !== wins) wrong.push(`${what}: ${wins} were told 201, MySQL has ${rows} new rows`);
    const others = Object.keys(load.outcomes).filter((outcome) => outcome !== '201 grabbed' && outcome !== SHED);
    if (others.length > 0) wrong.push(`${what}: must be won or turned away: ${JSON.stringify(load.outcomes)}`);
    wrong.push(...probes.wrong.map((line) => `${what}: ${line}`));
    return { what, load, ...probes };
  };
  await run(0, 'warming up', {});
  const calm = await run(1, 'as fast as the answers come', {});
  const rate = (TIMES * calm.load.answered) / calm.load.seconds;
  const rush = { rate, connections: CONNECTIONS };
  const windows = [calm, await run(2, `${TIMES} times that`, rush), await run(3, `${TIMES} times that, again`, rush)];
  progress.stop();
  if (windows.slice(1).every(({ load }) => load.outcomes[SHED] === undefined)) wrong.push('nobody was turned away');
  console.log(json ? JSON.stringify(windows.map(summaryOf), undefined, 2) : tableOf(windows));
  for (const line of wrong) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

/** Asks other routes from this process while the work runs. */
async function probing(stage: Stage, work: () => Promise<Load>) {
  const token = stage.issueToken(USER.username, 'customer');
  const wrong = new Set<string>();
  let running = true;
  const probe = async (path: string, expected: number): Promise<number[]> => {
    const times: number[] = [];
    while (running) {
      const sent = performance.now();
      const { status } = await fetch(`${stage.url}${path}`, { headers: { authorization: token } });
      times.push(performance.now() - sent);
      if (status !== expected) wrong.add(`${path} answered ${status}`);
      await sleep(PROBE_EVERY_MS);
    }
    return times.sort((a, b) => a - b);
  };
  // The list is empty, and that is an answer too.
  const probes = Promise.all([probe('/healthz', 200), probe(`/api/users/${USER.username}/coupons`, 204)]);
  const load = await work().finally(() => {
    running = false;
  });
  const [healthz, ownList] = await probes;
  return { load, healthz, ownList, wrong: [...wrong] };
}

const summaryOf = ({ what, load, healthz, ownList }: Window) => {
  const share = (outcome: string) => (load.outcomes[outcome] ?? 0) / Math.max(1, load.answered);
  return {
    what,
    perSecond: load.answered / load.seconds,
    winsPerSecond: (load.outcomes['201 grabbed'] ?? 0) / load.seconds,
    shed: share(SHED),
    winLatency: load.latencyOf['201 grabbed'],
    shedLatency: load.latencyOf[SHED],
    healthzP99: percentile(healthz, 0.99),
    ownListP99: percentile(ownList, 0.99),
  };
};

function tableOf(windows: Window[]): string {
  const table = new Table({
    head: [
      '',
      'req/s',
      'wins/s',
      '503 + Retry-After',
      'wins p50 p99, ms',
      '503 p50 p99, ms',
      'healthz p99',
      'own list p99',
    ],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  });
  const whole = (value: number) => Math.round(value).toLocaleString('en');
  const both = (latency: Load['latency'] | undefined) =>
    latency === undefined ? '' : `${latency.p50.toFixed(0)}  ${latency.p99.toFixed(0)}`;
  for (const one of windows.map(summaryOf))
    table.push([
      one.what,
      whole(one.perSecond),
      whole(one.winsPerSecond),
      `${(100 * one.shed).toFixed(1)} %`,
      both(one.winLatency),
      both(one.shedLatency),
      whole(one.healthzP99),
      whole(one.ownListP99),
    ]);
  return table.toString();
}
