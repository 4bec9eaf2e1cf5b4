import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { createProgram, interruptible, runProgram, stopSignal } from '../src/cli.ts';
import { startProgress } from '../src/infra/progress.ts';
import type { Mysql } from '../src/infra/stores/mysql.ts';
import { openClient } from './load/apiClient.ts';
import { openStack } from './testbed/privateStack.ts';

// A whole sale, small enough to watch: every customer tries every coupon once, over HTTP, all customers at once.

const SELLERS = 5;
const COUPONS_EACH = 10;
const PIECES = 20;
const CUSTOMERS = 200;
const COUPONS = SELLERS * COUPONS_EACH;
const TRIES = CUSTOMERS * COUPONS;
const WINS = COUPONS * PIECES;
const DURABLE_LIMIT_MS = 60_000;

createProgram(
  'npm run demo --',
  `A sale on a fresh private stack: ${SELLERS} sellers put up ${COUPONS_EACH} coupons each, ${PIECES} pieces each; ` +
    `${CUSTOMERS} customers try all ${COUPONS}. Exit 1 if a number is wrong.`,
).parse();

await runProgram(async () => {
  // Asked for first: a Ctrl-C while the stack opens waits until it can be closed again.
  const stopped = stopSignal();
  console.log('starting a fresh private stack');
  const { url, mysql, close } = await openStack();
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
  const client = openClient(url, 50);
  const numbered = (word: string, count: number) => Array.from({ length: count }, (_, i) => `${word}-${i + 1}`);
  const coupons: Coupon[] = [];
  for (const seller of numbered('seller', SELLERS)) {
    const token = await client.enter(seller, 'seller');
    for (const name of numbered('coupon', COUPONS_EACH)) {
      await client.create(token, seller, { name, amount: PIECES, stock: 5, description: 'a demo' });
      coupons.push({ seller, name });
    }
  }
  const tokens = await Promise.all(
    numbered('customer', CUSTOMERS).map((customer) => client.enter(customer, 'customer')),
  );
  await client.close();
  return { tokens, coupons };
}

/** All customers at once, each on a connection of their own and through the coupons in an order of their own. */
async function runSale(url: string, tokens: string[], coupons: Coupon[], mysql: Mysql) {
  const client = openClient(url, CUSTOMERS);
  const progress = startProgress();
  const outcomes = new Map<string, number>();
  const latencies: number[] = [];
  let lastWin = 0;
  const durable = waitForWins(mysql);
  // Waited for below; a sale that is cut off never comes there.
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
        progress.show({ label: 'grabbing', done: latencies.length, of: TRIES, note });
      }
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  progress.stop();
  await client.close();
  return { outcomes, latencies: latencies.sort((a, b) => a - b), seconds, durableMs: (await durable) - lastWin };
}

/** Resolves to the moment at which MySQL had all wins; gives up after a minute. */
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

/** Prints the table. True when every number is right. */
function report({ outcomes, latencies, seconds, durableMs }: Sale, rows: Rows): boolean {
  const percentile = (share: number) => latencies[Math.ceil(latencies.length * share) - 1] ?? 0;
  const counted = (outcome: string) => outcomes.get(outcome) ?? 0;
  const others = [...outcomes].filter(([outcome]) => outcome !== 'grabbed' && outcome !== 'sold-out');
  const checks: [what: string, measured: number, mustBe: number][] = [
    ['tries', latencies.length, TRIES],
    ['won (201)', counted('grabbed'), WINS],
    ['refused: sold-out', counted('sold-out'), TRIES - WINS],
    ...others.map(([outcome, count]): [string, number, number] => [`refused: ${outcome}`, count, 0]),
    ['rows in coupon_grabs', rows.grabs, WINS],
    ['different (coupon, customer) in them', rows.holders, WINS],
    ['pieces left in coupons', rows.left, 0],
    ['events in event_log', rows.events, COUPONS + WINS],
  ];
  const table = new Table({
    head: ['', 'measured', 'must be'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right'],
  });
  table.push(
    ...checks,
    ['requests a second', Math.round(TRIES / seconds), ''],
    ['p50', `${percentile(0.5).toFixed(1)} ms`, ''],
    ['p99', `${percentile(0.99).toFixed(1)} ms`, ''],
    ['from the last 201 to all rows in MySQL', `${(durableMs / 1_000).toFixed(3)} s`, ''],
  );
  console.log(table.toString());
  const wrong = checks.filter(([, measured, mustBe]) => measured !== mustBe);
  for (const [what, measured, mustBe] of wrong) console.error(`WRONG: ${what}: ${measured}, must be ${mustBe}`);
  return wrong.length === 0;
}
