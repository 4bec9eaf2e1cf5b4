import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { Pool } from 'undici';
import { createProgram, runProgram } from '../src/cli.ts';
import { type Config, readConfig } from '../src/config.ts';
import { openAll } from '../src/infra/closers.ts';
import { openLocalServers } from '../src/infra/localServers.ts';
import { connectMysql, type Mysql } from '../src/infra/mysql.ts';

// A whole sale, small enough to watch: every customer tries every coupon once, over HTTP, all of them at once.

const SELLERS = 5;
const COUPONS_EACH = 10;
const PIECES = 20;
const CUSTOMERS = 200;
const COUPONS = SELLERS * COUPONS_EACH;
const TRIES = CUSTOMERS * COUPONS;
const WINS = COUPONS * PIECES;
const DURABLE_LIMIT_MS = 60_000;
const PASSWORD = 'demo password';

createProgram(
  'npm run demo',
  `A sale on a fresh private stack: ${SELLERS} sellers put up ${COUPONS_EACH} coupons each, ${PIECES} pieces each; ${CUSTOMERS} customers try all ${COUPONS}. Exit 1 if a number is wrong.`,
).parse();

await runProgram(async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'seckill-demo-'));
  const { url, mysql, close } = await openStack(
    readConfig({ DATA_DIR: dataDir, ARGON2_MEMORY_KIB: '64', ARGON2_PASSES: '1' }),
  );
  let good = false;
  try {
    good = await runSale(url, mysql);
  } finally {
    await close();
    rmSync(dataDir, { recursive: true, force: true });
  }
  process.exit(good ? 0 : 1);
});

/** Private stores, opened here so that the result can be read in MySQL, and the server as a process of its own. */
function openStack(settings: Config) {
  return openAll(async (remember) => {
    console.log('starting a fresh private stack');
    const { config, close: closeLocal } = await openLocalServers(settings, (line) => console.log(line));
    remember(closeLocal);
    const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
    remember(closeMysql);
    const server = await startServer({
      PORT: '0',
      REDIS_URL: config.redisUrl,
      MYSQL_URL: config.mysqlUrl,
      JWT_SECRET: config.jwtSecret,
      LOG_LEVEL: 'warn',
      ARGON2_MEMORY_KIB: String(config.argon2.memoryCost),
      ARGON2_PASSES: String(config.argon2.timeCost),
    });
    remember(server.close);
    return { url: server.url, mysql };
  });
}

async function startServer(environment: NodeJS.ProcessEnv) {
  const run = fileURLToPath(new URL('../bin/run.mjs', import.meta.url));
  const child = spawn(process.execPath, [run, 'src/main.ts'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const [, found] = /^listening on (\S+)$/m.exec(String(chunk)) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once('close', () => reject(new Error('the server ended at its start')));
  });
  const close = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url, close };
}

/** Sets the sale up, runs it and prints the table. True when every number is right. */
async function runSale(url: string, mysql: Mysql): Promise<boolean> {
  const http = new Pool(url, { connections: CUSTOMERS });
  const sellers = Array.from({ length: SELLERS }, (_, i) => `seller-${i + 1}`);
  const customers = Array.from({ length: CUSTOMERS }, (_, i) => `customer-${i + 1}`);
  console.log(`registering ${SELLERS} sellers and ${CUSTOMERS} customers, creating ${COUPONS} coupons`);
  const coupons: { seller: string; name: string }[] = [];
  for (const seller of sellers) {
    const token = await enter(http, seller, 'seller');
    for (let i = 1; i <= COUPONS_EACH; i++) {
      const name = `coupon ${i}`;
      const json = { name, amount: PIECES, stock: 5, description: 'a demo' };
      await expectStatus(201, send(http, 'POST', `/api/users/${seller}/coupons`, { token, json }));
      coupons.push({ seller, name });
    }
  }
  const tokens = await mapInChunks(customers, 50, (customer) => enter(http, customer, 'customer'));

  const bar = new SingleBar({
    format: 'grabbing {bar} {value}/{total} tries, {won} won',
    noTTYOutput: true,
    notTTYSchedule: 1_000,
  });
  bar.start(TRIES, 0, { won: 0 });
  const outcomes = new Map<string, number>();
  const latencies: number[] = [];
  const grab = async (token: string, { seller, name }: { seller: string; name: string }) => {
    const sent = performance.now();
    const { headers } = await send(http, 'PATCH', `/api/users/${seller}/coupons/${encodeURIComponent(name)}`, {
      token,
    });
    latencies.push(performance.now() - sent);
    const outcome = String(headers['grab-outcome'] ?? 'unknown');
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    bar.increment({ won: outcomes.get('grabbed') ?? 0 });
  };
  const started = performance.now();
  // A customer has one connection and goes through the coupons in an order of their own; all customers go at once.
  await Promise.all(
    tokens.map(async (token, place) => {
      for (let i = 0; i < COUPONS; i++) await grab(token, coupons[(i + place) % COUPONS] as (typeof coupons)[number]);
    }),
  );
  const seconds = (performance.now() - started) / 1_000;
  bar.stop();
  const rows = await waitForRows(mysql);
  const durableSeconds = (performance.now() - started) / 1_000 - seconds;
  await http.close();

  const won = outcomes.get('grabbed') ?? 0;
  latencies.sort((a, b) => a - b);
  const percentile = (share: number) => `${(latencies[Math.ceil(latencies.length * share) - 1] ?? 0).toFixed(1)} ms`;
  const good =
    won === WINS &&
    rows.grabs === WINS &&
    rows.distinct === WINS &&
    rows.left === 0 &&
    outcomes.get('sold-out') === TRIES - WINS;
  const table = new Table({
    head: ['what', 'measured', 'must be'],
    style: { head: [], border: [] },
    colAligns: ['left', 'right', 'right'],
  });
  table.push(
    ['tries', latencies.length, TRIES],
    ['won (201)', won, WINS],
    ...[...outcomes]
      .filter(([outcome]) => outcome !== 'grabbed')
      .map(([outcome, count]) => [`refused: ${outcome}`, count, outcome === 'sold-out' ? TRIES - WINS : 0]),
    ['requests a second', Math.round(TRIES / seconds), ''],
    ['p50', percentile(0.5), ''],
    ['p99', percentile(0.99), ''],
    ['MySQL had it all after the last answer', `${durableSeconds.toFixed(2)} s`, ''],
    ['rows in coupon_grabs', rows.grabs, WINS],
    ['different (coupon, customer) in them', rows.distinct, WINS],
    ['pieces left in coupons', rows.left, 0],
  );
  console.log(table.toString());
  console.log(good ? 'every number is right' : 'A NUMBER IS WRONG');
  return good;
}

async function waitForRows(mysql: Mysql): Promise<{ grabs: number; distinct: number; left: number }> {
  const limit = performance.now() + DURABLE_LIMIT_MS;
  for (;;) {
    const [[row]] = await mysql.raw(`SELECT COUNT(*) AS grabs, COUNT(DISTINCT coupon_id, customer) AS \`distinct\`,
      (SELECT CAST(SUM(pieces_left) AS UNSIGNED) FROM coupons) AS \`left\` FROM coupon_grabs`);
    const rows = { grabs: Number(row.grabs), distinct: Number(row.distinct), left: Number(row.left) };
    if (rows.grabs >= WINS || performance.now() > limit) return rows;
    await sleep(10);
  }
}

async function send(
  http: Pool,
  method: 'POST' | 'PATCH',
  path: string,
  { token, json }: { token?: string; json?: object },
) {
  const response = await http.request({
    method,
    path,
    headers: {
      ...(token === undefined ? {} : { authorization: token }),
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    body: json === undefined ? null : JSON.stringify(json),
  });
  await response.body.dump();
  return response;
}

async function expectStatus(status: number, answer: ReturnType<typeof send>) {
  const { statusCode, headers } = await answer;
  if (statusCode !== status) throw new Error(`answered ${statusCode} where ${status} was expected`);
  return headers;
}

/** Registers a user and logs them in; resolves to the token. */
async function enter(http: Pool, username: string, kind: 'customer' | 'seller'): Promise<string> {
  await expectStatus(201, send(http, 'POST', '/api/users', { json: { username, password: PASSWORD, kind } }));
  const headers = await expectStatus(200, send(http, 'POST', '/api/auth', { json: { username, password: PASSWORD } }));
  return String(headers.authorization);
}

async function mapInChunks<T, R>(items: T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < items.length; i += size) results.push(...(await Promise.all(items.slice(i, i + size).map(work))));
  return results;
}
