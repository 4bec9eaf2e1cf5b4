import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { createApp } from '../../src/http/app.ts';
import { keys } from '../../src/infra/keys.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { rawAnswers } from '../support/rawHttp.ts';
import { readableLog } from '../support/readableLog.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';

const token = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const service = 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const { config, close: closeStores } = await openTestStores({
  OPERATOR_TOKENS: `olga=${token}`,
  SERVICE_TOKENS: `orders=${service}`,
});
const { log, text: logged } = readableLog('trace');
const { system, close } = await openSystem(config, log);
const server = await serveApp(createApp(system, { corsOrigins: ['https://shop.example'] }).callback());
const test = suite('attack: a stranger wants to act as an operator');
const { redis } = system;

const letter = String(await redis.xadd(keys.deadLetters(3), '*', 'entry', '1-1', 'reason', 'r', 'nonsense', 'x'));
const acts = [`dead-letters/3/${letter}/put-back`, 'subscriptions/nats/retry', 'subscriptions/nats/skip'];
const act = (path: string, headers: Record<string, string>) =>
  fetch(`${server.url}/api/operator/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ event: 'x', reason: 'a trial' }),
  });
const nothingDone = async () => assert.is(await redis.xlen(keys.deadLetters(3)), 1);

for (const [what, headers] of Object.entries({
  'no token': {},
  'the token of a service': { authorization: `Bearer ${service}` },
  'a part of the token': { authorization: token.slice(0, -1) },
  'the setting itself': { authorization: `olga=${token}` },
  'the token with a space': { authorization: `Bearer ${token} x` },
  'the name of the operator': { authorization: 'olga' },
  'the token in a cookie': { cookie: `authorization=${token}; token=${token}` },
  'the token in another header': { 'x-authorization': token },
}))
  test(`an act with ${what} gets 401 and does nothing`, async () => {
    for (const path of acts) {
      const response = await act(path, headers);
      assert.equal([response.status, await response.json()], [401, { errMsg: 'Not Authorized.' }]);
    }
    await nothingDone();
  });

test('a token in the URL opens nothing', async () => {
  for (const query of [`token=${token}`, `authorization=${token}`, `access_token=${token}`])
    assert.is((await fetch(`${server.url}/api/operator/state?${query}`)).status, 401);
});

test('two Authorization headers get 401, even if both are good', async () => {
  const lines = `Authorization: ${token}\r\nAuthorization: ${token}\r\nConnection: close\r\n\r\n`;
  const [answer] = await rawAnswers(server.url, `GET /api/operator/state HTTP/1.1\r\nHost: x\r\n${lines}`);
  assert.is(answer?.status, 401);
});

test('an operator is no customer, no seller and no service', async () => {
  for (const path of ['/api/users/ann/coupons', '/api/live?seller=ann', '/api/events'])
    assert.is((await fetch(`${server.url}${path}`, { headers: { authorization: token } })).status, 401);
});

test('one token cannot be in both settings, and a weak token is refused; the line has no part of it', () => {
  for (const [OPERATOR_TOKENS, pattern] of [
    [`olga=${service}`, /^OPERATOR_TOKENS: a token is in SERVICE_TOKENS, too/],
    [`olga=${token},other=${service}`, /^OPERATOR_TOKENS: a token is in SERVICE_TOKENS, too/],
    ['olga=short', /^OPERATOR_TOKENS: entry 1 of 1: .*too short/],
    [token, /^OPERATOR_TOKENS: entry 1 of 1 is not name=token/],
  ] as const) {
    const refusal = () => readConfig({ SERVICE_TOKENS: `orders=${service}`, OPERATOR_TOKENS });
    assert.throws(refusal, pattern);
    assert.throws(refusal, (error: Error) => !error.message.includes(token) && !error.message.includes(service));
  }
});

test('without OPERATOR_TOKENS there is no operator, and nothing is written into Redis', async () => {
  const { operatorTokens: _, ...without } = config;
  const other = await openSystem({ ...without, operatorTokens: undefined }, createLog('silent'));
  for (const tried of ['', 'undefined', token]) assert.is(other.system.operators.find(tried), undefined);
  await sleep(2_500);
  assert.is(await redis.hlen(keys.processes), 1);
  await other.close();
});

test('no answer to an operator may be stored, and no page of another origin gets the token by itself', async () => {
  for (const path of ['state', 'dead-letters', 'damaged-coupons', 'events?seller=a&name=b']) {
    const response = await fetch(`${server.url}/api/operator/${path}`, {
      headers: { authorization: token, origin: 'https://shop.example' },
    });
    assert.is(response.headers.get('cache-control'), 'no-store');
    assert.is(response.headers.get('access-control-allow-credentials'), null);
  }
});

test('reasons with line breaks are refused, so no act can forge a line of the log; a good one is one line', async () => {
  const retry = (reason: string) =>
    fetch(`${server.url}/api/operator/subscriptions/nats/retry`, {
      method: 'POST',
      headers: { authorization: token, 'content-type': 'application/json' },
      body: JSON.stringify({ reason }),
    });
  await system.mysql('subscriptions').insert({ name: 'nats', position: 0 });
  const forged = '"}\n{"level":40,"operator":"eve"}';
  assert.is((await retry(forged)).status, 400);
  const from = logged().length;
  assert.is((await retry('"} {"operator":"eve"')).status, 200);
  const lines = logged()
    .slice(from)
    .split('\n')
    .filter((line) => line.includes('act of an operator'));
  assert.is(lines.length, 1);
  const { operator, reason } = JSON.parse(lines[0] ?? '');
  assert.equal([operator, reason], ['olga', '"} {"operator":"eve"']);
});

test('the token is in no line of the log, at the level trace', () => {
  assert.ok(logged().includes('/api/operator/state'));
  assert.not.ok(logged().includes(token));
});

// The last test: the limit lasts for ten seconds.
test('an operator whose token is stolen, or whose script runs wild, gets 429 and asks the stores once a second', async () => {
  let reads = 0;
  // Redis is asked for this number by each reading of the state, and by nothing else here.
  const scard = redis.scard.bind(redis);
  redis.scard = ((key: string) => {
    reads++;
    return scard(key);
  }) as typeof redis.scard;
  const began = performance.now();
  const headers = { authorization: token };
  const statuses = await Promise.all(
    Array.from({ length: 400 }, async () => (await fetch(`${server.url}/api/operator/state`, { headers })).status),
  );
  assert.ok(statuses.includes(429));
  assert.ok(statuses.filter((status) => status === 200).length <= 400);
  const seconds = (performance.now() - began) / 1_000;
  assert.ok(reads >= 1 && reads <= seconds + 1, `${reads} reads in ${seconds} s`);
  redis.scard = scard;
  assert.is((await fetch(`${server.url}/healthz`)).status, 200);
});

test.after(async () => {
  await server.close();
  await close();
  await closeStores();
});
test.run();
