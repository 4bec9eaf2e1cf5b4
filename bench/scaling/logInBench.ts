import { setTimeout as sleep } from 'node:timers/promises';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { figureTable, whole } from '../figures/figureTable.ts';
import { medianOf, percentile } from '../figures/statistics.ts';
import { type LoadResult, SHED } from '../load/loadPlan.ts';
import { openTestbed, PLENTY, SELLER, type Testbed, USER } from '../testbed/testbed.ts';

// Guesses wrong passwords from one address while a lone customer at another address grabs and logs in. Without limits every guess is
// hashed; with the limits of the defaults, most guesses get 429.

const PARALLEL = [0, 100, 200];
/** A guesser who gets 429 at once sends no more than this. */
const GUESSES_PER_SECOND = 1_000;
const GRAB_EVERY_MS = 5;
const LOG_IN_EVERY_MS = 200;
const OUT_OF_REACH = '1000000000';
const DEFAULT = '';
const limitSettings = (value: string) => ({
  LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS: value,
  LOGIN_FAILURES_PER_ACCOUNT: value,
  LOGIN_FAILURES_PER_ADDRESS: value,
});

interface Row {
  limits: string;
  parallel: number;
  load: LoadResult | undefined;
  seconds: number;
  /** Sorted milliseconds. */
  grabs: number[];
  logIns: number[];
}

export interface LogInBenchOptions {
  seconds: number;
  rounds: number;
  json: boolean;
}

/** Resolves to false when a grab was not won or a right password was refused. */
export async function benchLogIns({ seconds, rounds, json }: LogInBenchOptions): Promise<boolean> {
  const stopped = stopSignal();
  const progress = startProgress();
  const rows: Summary[] = [];
  const wrong: string[] = [];
  for (const [limits, value] of [
    ['none', OUT_OF_REACH],
    ['default', DEFAULT],
  ] as const) {
    const { testbed, close } = await openTestbed({
      connections: Math.max(...PARALLEL),
      customers: 1,
      // The guesses are slow requests, each with a line in the log.
      environment: { LOG_LEVEL: 'error', TRUST_PROXY: '127.0.0.0/8', ...limitSettings(value) },
    });
    const measure = async () => {
      const [path = ''] = await testbed.createCoupons('lone', 1, PLENTY);
      const measured: Summary[][] = [];
      // Round 0 is the warm-up.
      for (let round = 0; round <= rounds; round++) {
        progress.show({ label: `limits: ${limits}`, done: round, of: rounds + 1 });
        const summaries: Summary[] = [];
        for (const parallel of PARALLEL) {
          const during = await measureDuring(testbed, path, parallel, seconds, wrong);
          summaries.push(summaryOf({ limits, parallel, ...during }));
        }
        if (round > 0) measured.push(summaries);
      }
      rows.push(...Object.values(medianOf(measured)));
    };
    try {
      await interruptible(stopped, measure());
    } finally {
      await close();
    }
  }
  progress.stop();
  console.log(json ? JSON.stringify(rows, undefined, 2) : logInTable(rows));
  for (const line of new Set(wrong)) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

let customers = 0;

async function measureDuring(testbed: Testbed, path: string, parallel: number, seconds: number, wrong: string[]) {
  let running = true;
  const every = async (pauseMs: number, expected: number, send: () => Promise<Response>) => {
    const times: number[] = [];
    while (running) {
      const sent = performance.now();
      const response = await send();
      times.push(performance.now() - sent);
      if (response.status !== expected) wrong.push(`${response.url} answered ${response.status}`);
      await response.arrayBuffer();
      await sleep(pauseMs);
    }
    return times.sort((a, b) => a - b);
  };
  const attack =
    parallel === 0
      ? sleep(seconds * 1_000).then(() => undefined)
      : testbed.runLoad({
          connections: parallel,
          seconds,
          rate: GUESSES_PER_SECOND,
          plan: {
            method: 'POST',
            paths: ['/api/auth'],
            json: JSON.stringify({ username: SELLER, password: 'a wrong guess' }),
            firstCustomer: 0,
            customers: 1,
            offset: 0,
          },
        });
  const ended = attack.finally(() => {
    running = false;
  });
  const headers = { 'x-forwarded-for': '192.0.2.1', 'content-type': 'application/json' };
  const { username, password } = USER;
  const [load, grabs, logIns] = await Promise.all([
    ended,
    every(GRAB_EVERY_MS, 201, () => {
      const authorization = testbed.issueToken(`lone-${customers++}`, 'customer');
      return fetch(`${testbed.url}${path}`, { method: 'PATCH', headers: { ...headers, authorization } });
    }),
    every(LOG_IN_EVERY_MS, 200, () =>
      fetch(`${testbed.url}/api/auth`, { method: 'POST', headers, body: JSON.stringify({ username, password }) }),
    ),
  ]);
  return { load, seconds, grabs, logIns };
}

const summaryOf = ({ limits, parallel, load, seconds, grabs, logIns }: Row) => {
  const perSecond = (outcome: string) => (load?.outcomes[outcome] ?? 0) / seconds;
  return {
    limits,
    parallel,
    hashedPerSecond: perSecond('401'),
    limitedPerSecond: perSecond('429'),
    shedPerSecond: perSecond(SHED),
    grabs: grabs.length,
    grabP50: percentile(grabs, 0.5),
    grabP99: percentile(grabs, 0.99),
    logInP50: percentile(logIns, 0.5),
    logInMax: logIns.at(-1) ?? 0,
  };
};

type Summary = ReturnType<typeof summaryOf>;

function logInTable(rows: Summary[]): string {
  const table = figureTable([
    'limits',
    'guesses at once',
    '401/s',
    '429/s',
    'grabs',
    'grab p50, p99, ms',
    'log-in p50, max, ms',
  ]);
  for (const row of rows)
    table.push([
      row.limits,
      row.parallel,
      whole(row.hashedPerSecond),
      whole(row.limitedPerSecond),
      whole(row.grabs),
      `${row.grabP50.toFixed(1)}  ${row.grabP99.toFixed(1)}`,
      `${row.logInP50.toFixed(0)}  ${row.logInMax.toFixed(0)}`,
    ]);
  return table.toString();
}
