import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createClient } from '../../support/httpClient.ts';
import { listen } from '../../support/listen.ts';
import { endPrograms, startProgram } from '../../support/program.ts';
import { readMetrics } from '../../support/readMetrics.ts';
import { openTestStores } from '../../support/testStores.ts';
import { until } from '../../support/until.ts';

const test = suite('metrics of several workers');
const LIMIT = 5_000;
const stores = await openTestStores();
const server = startProgram('src/main.ts', { ...stores.environment, WORKERS: '2', OUTBOX_LIMIT: String(LIMIT) });
const url = await server.listening;
/** The process ids of the workers. */
const workers = () =>
  spawnSync('pgrep', ['-P', String(server.pid), '-f', 'src/main.ts'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean)
    .map(Number);

test('every worker answers with the sum of all counters, and values that are the same for all are not added up', async () => {
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  // Enough for all: a worker that knows that a coupon is sold out answers without a batch.
  await client.create(ann, 'ann', { name: 'sea', amount: 20, stock: 5 });
  const crowd = await Promise.all(Array.from({ length: 20 }, (_, i) => client.enter(`c${i}`, 'customer')));

  await Promise.all(crowd.map((token) => client.grab(token, 'ann', 'sea')));

  // New connections go to the workers in turn, so both workers have served grabs and both are scraped.
  for (let scrape = 0; scrape < 4; scrape++) {
    const { sum } = await readMetrics(url);
    assert.is(sum('seckill_grabs_total'), 20);
    assert.is(sum('seckill_grabs_total', { outcome: 'grabbed' }), 20);
    assert.is(sum('seckill_http_request_duration_seconds_count', { method: 'PATCH' }), 20);
    assert.is(sum('seckill_grab_batch_size_sum'), 20);
    assert.is(sum('seckill_outbox_limit'), LIMIT);
    assert.is(sum('seckill_gate_open'), 1);
    assert.is(sum('seckill_workers'), 2);
    assert.is(sum('seckill_workers_wanted'), 2);
  }
});

test('the metrics count the listeners of all workers until their streams end', async () => {
  const token = await createClient(url).enter('watcher', 'customer');
  const listeners = async () => (await readMetrics(url)).sum('seckill_live_listeners');

  const streams = await Promise.all([1, 2, 3, 4].map(() => listen(url, token, 'ann')));

  assert.is(await listeners(), 4);
  for (const stream of streams) stream.stop();
  await until('no listener is counted', async () => (await listeners()) === 0);
});

test('the counters keep the counts of a killed worker, and the worker that replaces it is counted', async () => {
  const [victim] = workers();
  // On a busy machine no scrape may fall into the moment with one worker, so no test waits for that moment.
  const counted: number[] = [];
  const alive: number[] = [];

  process.kill(Number(victim), 'SIGKILL');

  await until('another worker replaces the killed one', async () => {
    // A scrape on a connection of the killed worker fails.
    const scrape = await readMetrics(url).catch(() => undefined);
    if (scrape !== undefined) counted.push(scrape.sum('seckill_grabs_total'));
    if (scrape !== undefined) alive.push(scrape.sum('seckill_workers'));
    return scrape?.sum('seckill_workers') === 2 && !workers().includes(Number(victim)) && workers().length === 2;
  });
  assert.equal(new Set(counted), new Set([20]));
  assert.ok(alive.every((number) => number <= 2));
});

test.after(async () => {
  server.kill('SIGTERM');
  await server.ended;
  await endPrograms();
  await stores.close();
});
test.run();
