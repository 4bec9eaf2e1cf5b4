import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { runCrowd } from '../../src/rehearsal/runCrowd.ts';
import { openFrontProxy, proxyAnswer } from '../support/frontProxy.ts';
import { createClient } from '../support/httpClient.ts';
import { openRestartableServer } from '../support/restartableServer.ts';

// The counts of a crowd are compared with the log, whatever stands between the crowd and the server.

const server = await openRestartableServer();
const { config } = server;
const front = await openFrontProxy(server.url);
const client = createClient(server.url);
const { mysql, close: closeMysql } = connectMysql(config.mysqlUrl);
const ann = await client.enter('ann', 'seller');
const test = suite('a crowd');

const CUSTOMERS = 30;
const PIECES = 10;
const atFront = (mode: Parameters<typeof front.setMode>[0]) => ({
  url: front.url,
  begin: () => front.setMode(mode),
  end: () => front.setMode('pass'),
});
const outages: Record<string, { url: string; begin: () => void | Promise<void>; end: () => void | Promise<void> }> = {
  'a server that was stopped and started again': { url: server.url, begin: server.stop, end: server.start },
  'a proxy that answers 502': atFront(proxyAnswer('502 Bad Gateway')),
  'a proxy that answers 504': atFront(proxyAnswer('504 Gateway Timeout')),
  'a proxy that answers 503 with Retry-After': atFront(proxyAnswer('503 Service Unavailable', ['Retry-After: 1'])),
  'a proxy that answers 429': atFront(proxyAnswer('429 Too Many Requests')),
  'a proxy that answers 404 because it has no server': atFront(proxyAnswer('404 Not Found')),
  'a proxy that answers 200 with a page of its own': atFront(proxyAnswer('200 OK')),
  'a proxy that closes each connection': atFront('cut'),
  'replies that are lost after the grab was decided': atFront('lose-replies'),
  'connections that are accepted and never answered': atFront('silent'),
};

let sales = 0;
async function givenCrowd(url: string, terms: object = {}) {
  const name = `sale-${++sales}`;
  await client.create(ann, 'ann', { name, amount: PIECES, stock: 5, ...terms });
  const path = `/api/users/ann/coupons/${name}`;
  const { jwtSecret: secret, tokenTtlSeconds } = config;
  const crowd = { url, path, coupon: name, customers: CUSTOMERS, seconds: 0, run: name, secret, tokenTtlSeconds };
  let counts = { grabbed: 0, refused: 0, unknown: 0 };
  const run = (limits: Parameters<typeof runCrowd>[2]) => runCrowd(crowd, (latest) => (counts = { ...latest }), limits);
  return { name, run, counts: () => counts };
}
async function loggedGrabs(name: string): Promise<number> {
  const [row] = await mysql('event_log')
    .where({ name: Buffer.from(name), type: 'CouponGrabbed' })
    .count({ grabs: '*' });
  return Number(row?.grabs);
}

for (const [name, { url, begin, end }] of Object.entries(outages)) {
  test(`every customer learns the outcome after ${name}`, async () => {
    const crowd = await givenCrowd(url);
    await begin();
    const crowdRuns = crowd.run({ answerLimitMs: 500 });
    await sleep(1_200);
    assert.equal(crowd.counts(), { grabbed: 0, refused: 0, unknown: 0 });
    await end();
    await crowdRuns;
    assert.equal(crowd.counts(), { grabbed: PIECES, refused: CUSTOMERS - PIECES, unknown: 0 });
    for (let waits = 0; waits < 500 && (await loggedGrabs(crowd.name)) < PIECES; waits++) await sleep(20);
    assert.is(await loggedGrabs(crowd.name), PIECES);
  });
}

test('customers who never get an answer give up after a time, and count as unknown', async () => {
  const crowd = await givenCrowd(front.url);
  front.setMode('silent');
  await crowd.run({ answerLimitMs: 100, retryForMs: 300 });
  front.setMode('pass');
  assert.equal(crowd.counts(), { grabbed: 0, refused: 0, unknown: CUSTOMERS });
});

test('customers wait for a sale that starts soon, and each learns the outcome', async () => {
  const crowd = await givenCrowd(server.url, { startsAt: Date.now() + 1_500 });

  await crowd.run({});

  assert.equal(crowd.counts(), { grabbed: PIECES, refused: CUSTOMERS - PIECES, unknown: 0 });
});

test('customers do not wait for a sale that starts after they would give up', async () => {
  const crowd = await givenCrowd(server.url, { startsAt: Date.now() + 3_600_000 });

  await crowd.run({ retryForMs: 3_000 });

  assert.equal(crowd.counts(), { grabbed: 0, refused: CUSTOMERS, unknown: 0 });
});

test.after(async () => {
  await closeMysql();
  await front.close();
  await server.close();
});
test.run();
