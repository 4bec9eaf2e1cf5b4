import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { createClient } from '../support/httpClient.ts';
import { givenManyHolders } from '../support/manyHolders.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem } from '../support/testSystem.ts';
import { until } from '../support/until.ts';

// A large file of holders: some 25 MB, of which the buffers of a socket hold a small part.

const HOLDERS = 100_000;
/** More than the streams, the buffers and the heap of a page need, and less than the file. */
const MAX_GROWTH_MB = 80;

const { system, close } = await openTestSystem();
const { url, close: closeServer } = await serveApp(createApp(system).callback());
const token = await createClient(url).enter('ann', 'seller');
const test = suite('a large download');
const spring = { seller: 'ann', name: 'spring' };
await givenManyHolders(system, spring, HOLDERS, (version) => `${'券'.repeat(56)}${String(version).padStart(8, '0')}`);

const path = '/api/users/ann/coupons/spring/holders';
const headers = { authorization: token, accept: 'text/csv' };
const startDownload = async (signal?: AbortSignal) => {
  const { body } = await fetch(`${url}${path}`, { headers, ...(signal === undefined ? {} : { signal }) });
  if (body === null) throw new Error('no body');
  return body;
};

let pages = 0;
system.reads.mysql.on('query', ({ sql }: { sql: string }) => {
  if (sql.includes('FROM coupon_grabs')) pages++;
});
test.before.each(() => {
  pages = 0;
});

/** Resolves to the number of pages that were read, when at least one was read and no further page is read for a while. */
async function pagesAtRest(): Promise<number> {
  await until('a page is read', () => pages > 0);
  for (let before = -1; before !== pages; ) {
    before = pages;
    await sleep(500);
  }
  return pages;
}

test('has a line for each holder, and the process needs no memory for the file', async () => {
  const rssMb = () => process.memoryUsage.rss() / 2 ** 20;
  const before = rssMb();
  let most = before;
  let lines = 0;
  let bytes = 0;

  for await (const chunk of await startDownload()) {
    bytes += chunk.length;
    for (const byte of chunk) if (byte === 10) lines++;
    most = Math.max(most, rssMb());
  }

  assert.is(lines, HOLDERS + 1);
  assert.ok(bytes > 20_000_000);
  assert.ok(most - before < MAX_GROWTH_MB, `${Math.round(most - before)} MB more`);
});

test('is read from MySQL no faster than the client takes it', async () => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).pause();
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\nAccept: text/csv\r\nConnection: close\r\n\r\n`,
  );

  const whileNothingIsTaken = await pagesAtRest();
  let bytes = 0;
  for await (const chunk of socket) bytes += chunk.length;

  assert.ok(whileNothingIsTaken > 0);
  assert.ok(whileNothingIsTaken < pages / 2, `${whileNothingIsTaken} of ${pages} pages`);
  assert.ok(bytes > 20_000_000);
});

test('ends when its client leaves', async () => {
  const client = new AbortController();
  const reader = (await startDownload(client.signal)).getReader();
  await reader.read();

  client.abort();

  const read = await pagesAtRest();
  assert.ok(read < 40, `${read} pages`);
  assert.is((await fetch(`${url}${path}?limit=1`, { headers: { authorization: token } })).status, 200);
});

test('breaks off when MySQL fails in the middle, and does not look complete', async () => {
  const reader = (await startDownload()).getReader();
  await reader.read();

  await system.mysql.raw('RENAME TABLE coupon_grabs TO coupon_grabs_away');
  const readAll = async () => {
    while (!(await reader.read()).done);
  };
  const error = await readAll().then(
    () => undefined,
    (thrown) => thrown,
  );
  await system.mysql.raw('RENAME TABLE coupon_grabs_away TO coupon_grabs');

  assert.instance(error, Error);
});

test.after(async () => {
  await closeServer();
  await close();
});
test.run();
