import { setTimeout as sleep } from 'node:timers/promises';
import { interruptible, stopSignal } from '../../src/cli.ts';
import { startProgress } from '../../src/infra/progress.ts';
import { figureTable, whole } from '../figures/figureTable.ts';
import { medianOf, percentile } from '../figures/statistics.ts';
import { type LoadPlan, type LoadResult, SHED } from '../load/loadPlan.ts';
import { openTestbed, PLENTY, SELLER, type Testbed, USER } from '../testbed/testbed.ts';

// An attacker at one address sends as many requests as a rate allows, while a lone customer at another address grabs and logs in. Each
// attack is measured without limits and with the limits of the defaults.

interface Attack {
  /** Connections of the attacker. */
  parallel: readonly number[];
  /** An attacker who is refused at once sends no more than this. */
  requestsPerSecond: number;
  /** The settings whose limits refuse the attacker. */
  limits: readonly string[];
  /** `path`: the coupon that the lone customer grabs. */
  request(path: string): Pick<LoadPlan, 'method' | 'paths' | 'json'>;
}

const attacks = {
  'log-in-attack': {
    parallel: [0, 100, 200],
    requestsPerSecond: 1_000,
    limits: ['LOGIN_FAILURES_PER_ACCOUNT_AND_ADDRESS', 'LOGIN_FAILURES_PER_ACCOUNT', 'LOGIN_FAILURES_PER_ADDRESS'],
    request: () => ({
      method: 'POST',
      paths: ['/api/auth'],
      json: JSON.stringify({ username: SELLER, password: 'a wrong guess' }),
    }),
  },
  'grab-flood': {
    parallel: [0, 100],
    requestsPerSecond: 5_000,
    limits: ['REQUESTS_PER_USER', 'REQUESTS_PER_ADDRESS'],
    request: (path) => ({ method: 'PATCH', paths: [path] }),
  },
} satisfies Record<string, Attack>;

const GRAB_EVERY_MS = 5;
const LOG_IN_EVERY_MS = 200;
const OUT_OF_REACH = '1000000000';
const DEFAULT = '';

interface Row {
  limits: string;
  parallel: number;
  load: LoadResult | undefined;
  seconds: number;
  /** Sorted milliseconds. */
  grabs: number[];
  logIns: number[];
}

export interface AttackBenchOptions {
  seconds: number;
  rounds: number;
  json: boolean;
}

/** Resolves to false when a grab was not won or a right password was refused. */
export async function benchAttack(
  name: keyof typeof attacks,
  { seconds, rounds, json }: AttackBenchOptions,
): Promise<boolean> {
  const attack: Attack = attacks[name];
  const stopped = stopSignal();
  const progress = startProgress();
  const rows: Summary[] = [];
  const wrong: string[] = [];
  for (const [limits, value] of [
    ['none', OUT_OF_REACH],
    ['default', DEFAULT],
  ] as const) {
    const { testbed, close } = await openTestbed({
      connections: Math.max(...attack.parallel),
      customers: 1,
      environment: {
        // Guesses of passwords are slow requests, each with a line in the log.
        LOG_LEVEL: 'error',
        TRUST_PROXY: '127.0.0.0/8',
        ...Object.fromEntries(attack.limits.map((setting) => [setting, value])),
      },
    });
    const measure = async () => {
      const [path = ''] = await testbed.createCoupons('lone', 1, PLENTY);
      const measured: Summary[][] = [];
      // Round 0 is the warm-up.
      for (let round = 0; round <= rounds; round++) {
        progress.show({ label: `limits: ${limits}`, done: round, of: rounds + 1 });
        const summaries: Summary[] = [];
        for (const parallel of attack.parallel) {
          const during = await measureDuring({ testbed, attack, path, parallel, seconds, wrong });
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
  console.log(json ? JSON.stringify(rows, undefined, 2) : attackTable(rows));
  for (const line of new Set(wrong)) console.error(`WRONG: ${line}`);
  return wrong.length === 0;
}

let customers = 0;

async function measureDuring({
  testbed,
  attack,
  path,
  parallel,
  seconds,
  wrong,
}: {
  testbed: Testbed;
  attack: Attack;
  path: string;
  parallel: number;
  seconds: number;
  wrong: string[];
}) {
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
  const load =
    parallel === 0
      ? sleep(seconds * 1_000).then(() => undefined)
      : testbed.runLoad({
          connections: parallel,
          seconds,
          rate: attack.requestsPerSecond,
          plan: { ...attack.request(path), firstCustomer: 0, customers: 1, offset: 0 },
        });
  const ended = load.finally(() => {
    running = false;
  });
  const headers = { 'x-forwarded-for': '192.0.2.1', 'content-type': 'application/json' };
  const { username, password } = USER;
  const [result, grabs, logIns] = await Promise.all([
    ended,
    every(GRAB_EVERY_MS, 201, () => {
      const authorization = testbed.issueToken(`lone-${customers++}`, 'customer');
      return fetch(`${testbed.url}${path}`, { method: 'PATCH', headers: { ...headers, authorization } });
    }),
    every(LOG_IN_EVERY_MS, 200, () =>
      fetch(`${testbed.url}/api/auth`, { method: 'POST', headers, body: JSON.stringify({ username, password }) }),
    ),
  ]);
  return { load: result, seconds, grabs, logIns };
}

const summaryOf = ({ limits, parallel, load, seconds, grabs, logIns }: Row) => {
  const perSecond = (outcome: string) => (load?.outcomes[outcome] ?? 0) / seconds;
  return {
    limits,
    parallel,
    answeredPerSecond: Object.keys(load?.outcomes ?? {}).reduce((sum, outcome) => sum + perSecond(outcome), 0),
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

function attackTable(rows: Summary[]): string {
  const table = figureTable([
    'limits',
    'requests at once',
    'answers/s',
    'of them 429',
    'grabs',
    'grab p50, p99, ms',
    'log-in p50, max, ms',
  ]);
  for (const row of rows)
    table.push([
      row.limits,
      row.parallel,
      whole(row.answeredPerSecond),
      whole(row.limitedPerSecond),
      whole(row.grabs),
      `${row.grabP50.toFixed(1)}  ${row.grabP99.toFixed(1)}`,
      `${row.logInP50.toFixed(0)}  ${row.logInMax.toFixed(0)}`,
    ]);
  return table.toString();
}
