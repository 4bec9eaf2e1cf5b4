import { Gauge } from 'prom-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { openSystem } from '../../src/system.ts';
import { readableLog } from '../support/readableLog.ts';
import { readMetrics } from '../support/readMetrics.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';

// Without OPS_PORT, any client can ask for the metrics, and no limit of requests counts that: a scrape must never be refused.

const stores = await openTestStores();
const { system, close } = await openSystem(stores.config, readableLog().log);
let collected = 0;
new Gauge({
  name: 'test_collected',
  help: 'How often the metrics were collected',
  registers: [system.metrics.register],
  collect() {
    this.set(++collected);
  },
});
const server = await serveApp(createApp(system).callback());

const test = suite('floods of scrapes');

test('many scrapes at once are all answered and share a few collections', async () => {
  const before = collected;

  const statuses = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const answer = await fetch(`${server.url}/metrics`);
      await answer.text();
      return answer.status;
    }),
  );

  assert.equal(new Set(statuses), new Set([200]));
  assert.ok(collected - before < 60, `${collected - before} collections`);
});

test('scrapes in turn have their own collections, so that no answer is older than its request', async () => {
  const first = (await readMetrics(server.url)).sum('test_collected');
  const second = (await readMetrics(server.url)).sum('test_collected');

  assert.ok(second > first);
});

test.after(async () => {
  await server.close();
  await close();
  await stores.close();
});

test.run();
