import { setTimeout as sleep } from 'node:timers/promises';
import { createProgram, interruptible, runProgram, stopSignal } from '../src/cli.ts';
import { startProgress } from '../src/infra/progress.ts';
import type { Mysql } from '../src/infra/stores/mysql.ts';
import { figureTable } from './figures/figureTable.ts';
import { percentile } from './figures/statistics.ts';
import { openApiClient } from './load/apiClient.ts';
import { openPrivateStack } from './testbed/privateStack.ts';

// A whole sale, small enough to watch: all customers at once, and each grabs every coupon once, over HTTP.

const SELLERS = 5;
const COUPONS_EACH = 10;
const PIECES = 20;
const CUSTOMERS = 200;
const COUPONS = SELLERS * COUPONS_EACH;
const GRABS = CUSTOMERS * COUPONS;
const WINS = COUPONS * PIECES;
const DURABLE_LIMIT_MS = 60_000;

createProgram(
  'npm run demo --',
  `A sale on a fresh private stack: ${SELLERS} sellers create ${COUPONS_EACH} coupons of ${PIECES} pieces each; ` +
    `${CUSTOMERS} customers grab each of the ${COUPONS}. Exit status 1 if a number is wrong.`,
).parse();

await runProgram(async () => {
  // Before the stack opens: a signal that arrives meanwhile takes effect when the stack can be closed again.
  const stopped = stopSignal();
  console.log('starting a fresh private stack');
  const { url, mysql, close } = await openPrivateStack();
  let good = false;
  try {
    good = await interruptible(stopped, sell(url, mysql));
  } finally {
    await close();
  }
  process.exit(good ? 0 : 1);
});

async function sell(url: string, mysql: Mysql): Promise<boolean> {
  const { tokens, coupons } = await setUpSale(url);
  const sale = await runSale(url, tokens, coupons, mysql);
  return report(sale, await readRows(mysql));
}

interface Coupon {
  seller: string;
  name: string;
}
type Sale = Awaited<ReturnType<typeof runSale>>;
type Rows = Awaited<ReturnType<typeof readRows>>;

async function setUpSale(url: string): Promise<{ tokens: string[]; coupons: Coupon[] }> {
  console.log(`registering ${SELLERS} sellers and ${CUSTOMERS} customers, creating ${COUPONS} coupons`);
  const client = openApiClient(url, 50);
  const numbered = (word: string, count: number) => Array.from({ length: count }, (_, i) => `${word}-${i + 1}`);
  const coupons: Coupon[] = [];
  for (const seller of numbered('seller', SELLERS)) {
    const token = await client.registerAndLogIn(seller, 'seller');
    for (const name of numbered('coupon', COUPONS_EACH)) {
      await client.createCoupon(token, seller, { name, amount: PIECES, stock: 5, description: 'a demo' });
      coupons.push({ seller, name });
    }
  }
  const tokens = await Promise.all(
    numbered('customer', CUSTOMERS).map((customer) => client.registerAndLogIn(customer, 'customer')),
  );
  await client.close();
  return { tokens, coupons };
}

/** All customers at once, each on a connection of its own; each starts with another coupon. */
async function runSale(url: string, tokens: string[], coupons: Coupon[], mysql: Mysql) {
  const client = openApiClient(url, CUSTOMERS);
  const progress = startProgress();
  const outcomes = new Map<string, number>();
  const latencies: number[] = [];
  let lastWin = 0;
  const durable = waitForWins(mysql);
  // Awaited below. If the sale fails before, a rejection must not end the process.
  durable.catch(() => {});
  const started = performance.now();
  await Promise.all(
    tokens.map(async (token, place) => {
      for (const { seller, name } of [...coupons.slice(place % COUPONS), ...coupons.slice(0, place % COUPONS)]) {
        const sent = performance.now();
        const outcome = await client.grab(token, seller, name);
        latencies.push(performance.now() - sent);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        if (outcome === 'grabbed') lastWin = performance.now();
        const note = `${outcomes.get('grabbed') ?? 0} won`;
        progress.show({ label: 'grabbing', done: latencies.length, of: GRABS, note });
      }
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  progress.stop();
  await client.close();
  return { outcomes, latencies: latencies.sort((a, b) => a - b), seconds, durableMs: (await durable) - lastWin };
}

/** Resolves to the moment when MySQL had all wins; gives up after a minute. */
async function waitForWins(mysql: Mysql): Promise<number> {
  const limit = performance.now() + DURABLE_LIMIT_MS;
  for (;;) {
    const [row] = await mysql('coupon_grabs').count({ grabs: '*' });
    if (Number(row?.grabs) >= WINS || performance.now() > limit) return performance.now();
    await sleep(10);
  }
}

async function readRows(mysql: Mysql) {
  const [[row]] = await mysql.raw(
    `SELECT COUNT(*) AS grabs, COUNT(DISTINCT coupon_id, customer) AS holders,
      (SELECT SUM(pieces_left) FROM coupons) AS pieces_left, (SELECT COUNT(*) FROM event_log) AS events FROM coupon_grabs`,
  );
  const { grabs, holders, pieces_left, events } = row;
  return { grabs: Number(grabs), holders: Number(holders), left: Number(pieces_left), events: Number(events) };
}

/** Prints the table. Returns true when every number is right. */
function report({ outcomes, latencies, seconds, durableMs }: Sale, rows: Rows): boolean {
  const count = (outcome: string) => outcomes.get(outcome) ?? 0;
  const others = [...outcomes].filter(([outcome]) => outcome !== 'grabbed' && outcome !== 'sold-out');
  const checks: [label: string, measured: number, mustBe: number][] = [
    ['grabs', latencies.length, GRABS],
    ['won (201)', count('grabbed'), WINS],
    ['refused: sold-out', count('sold-out'), GRABS - WINS],
    ...others.map(([outcome, times]): [string, number, number] => [`refused: ${outcome}`, times, 0]),
    ['rows in coupon_grabs', rows.grabs, WINS],
    ['different (coupon, customer) in them', rows.holders, WINS],
    ['pieces left in coupons', rows.left, 0],
    ['events in event_log', rows.events, COUPONS + WINS],
  ];
  const table = figureTable(['', 'measured', 'must be']);
  table.push(
    ...checks,
    ['requests a second', Math.round(GRABS / seconds), ''],
    ['p50', `${percentile(latencies, 0.5).toFixed(1)} ms`, ''],
    ['p99', `${percentile(latencies, 0.99).toFixed(1)} ms`, ''],
    ['from the last 201 to all rows in MySQL', `${(durableMs / 1_000).toFixed(3)} s`, ''],
  );
  console.log(table.toString());
  const wrong = checks.filter(([, measured, mustBe]) => measured !== mustBe);
  for (const [label, measured, mustBe] of wrong) console.error(`WRONG: ${label}: ${measured}, must be ${mustBe}`);
  return wrong.length === 0;
}
