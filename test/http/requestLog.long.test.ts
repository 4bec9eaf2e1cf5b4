import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createRequestLog, type RequestFacts } from '../../src/http/requestLog.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { listen } from '../support/listen.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { readableLog } from '../support/readableLog.ts';
import { openTestStores } from '../support/testStores.ts';

const test = suite('the request log');
type Line = Record<string, unknown>;

const facts: RequestFacts = {
  method: 'GET',
  route: '/healthz',
  status: 200,
  outcome: 'ok',
  ms: 1,
  receivingMs: 0,
  user: undefined,
  requestId: undefined,
  trace: undefined,
  fault: undefined,
};

test('requests above the rate have no line, and the next written line counts them', async () => {
  const { log, requests } = readableLog('info');
  const write = createRequestLog(log, 10);

  for (let i = 0; i < 50; i++) write(facts);
  const written = requests().length;
  await sleep(150);
  write(facts);

  assert.ok(written >= 10 && written < 50);
  assert.is(requests().length, written + 1);
  assert.is(requests().at(-1)?.skipped, 50 - written);
  assert.is(new Set(requests().map(({ request }) => request)).size, written + 1);
});

test('faults and slow requests are written even above the rate', () => {
  const { log, requests } = readableLog('info');
  const write = createRequestLog(log, 1);
  write(facts);

  for (let i = 0; i < 20; i++) write({ ...facts, status: 503, outcome: 'unavailable' });
  for (let i = 0; i < 20; i++) write({ ...facts, status: 503, outcome: 'unknown', fault: new Error('broken') });
  for (let i = 0; i < 20; i++) write({ ...facts, ms: 1_500 });

  assert.is(requests().length, 61);
  assert.is((requests().at(30)?.err as Line | undefined)?.message, 'broken');
});

test('LOG_LEVEL=debug writes all requests, and LOG_LEVEL=warn writes none without a fault or delay', () => {
  for (const [level, expected] of [
    ['debug', 30],
    ['warn', 0],
  ] as const) {
    const { log, requests } = readableLog(level);
    const write = createRequestLog(log, 1);

    for (let i = 0; i < 30; i++) write(facts);

    assert.is(requests().length, expected);
  }
});

test('a line has the request id, route, user, outcome, duration and trace of the request', async () => {
  const stores = await openTestStores();
  const { log, requests } = readableLog('debug');
  const { url, close } = await openServer(stores.config, log);
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 1, stock: 5 });
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';

  const response = await fetch(`${url}/api/users/ann/coupons/sea`, {
    method: 'PATCH',
    headers: {
      authorization: bob,
      'x-request-id': 'mine-1',
      traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
    },
  });

  assert.is(response.status, 201);
  assert.is(response.headers.get('x-request-id'), 'mine-1');
  const grab = requests().at(-1) ?? {};
  assert.type(grab.ms, 'number');
  const { request, method, route, status, outcome, user, trace, parent } = grab;
  assert.equal(
    { request, method, route, status, outcome, user, trace, parent },
    {
      request: 'mine-1',
      method: 'PATCH',
      route: '/api/users/:seller/coupons/:name',
      status: 201,
      outcome: 'grabbed',
      user: 'bob',
      trace: traceId,
      parent: '00f067aa0ba902b7',
    },
  );

  const other = await client.grab(bob, 'ann', 'sea');
  assert.is(other.headers.get('x-request-id'), null);
  assert.is(requests().at(-1)?.outcome, 'already-grabbed');
  await client.register('ann', 'seller');
  assert.is(requests().at(-1)?.outcome, 'username-taken');
  await client.send('GET', '/nowhere');
  assert.is(requests().at(-1)?.outcome, 'invalid');
  await close();
  await stores.close();
});

test('a request that waits for an event is not written as a slow one, and no fault when its client leaves just before a stop', async () => {
  const token = 'orders-Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
  const stores = await openTestStores({ SERVICE_TOKENS: `orders=${token}` });
  const { log, requests, text } = readableLog('warn');
  const { url, close } = await openServer(stores.config, log);
  const client = new AbortController();
  const headers = { authorization: `Bearer ${token}` };
  const wait = (seconds: number) => fetch(`${url}/api/events?wait=${seconds}`, { headers, signal: client.signal });

  assert.is((await wait(2)).status, 200);
  const waiting = wait(30).catch(() => {});
  // Long enough for the request to arrive.
  await sleep(500);
  client.abort();
  await close();
  await waiting;
  // A line of the request would come after the stop.
  await sleep(500);

  assert.equal(requests(), []);
  assert.not.match(text(), /horizon/);
  await stores.close();
});

test('the log has no token, password or cookie, wherever a client puts them and whichever request fails', async () => {
  const stores = await openTestStores();
  const { log, text, requests } = readableLog('trace');
  const { url, close } = await openServer(stores.config, log);
  const client = createClient(url);
  const secret = 'hunter2hunter2';
  await client.register('bob', 'customer', secret);
  const { headers } = await client.send('POST', '/api/auth', { json: { username: 'bob', password: secret } });
  const token = headers.get('authorization') ?? '';
  const send = (method: string, path: string, more: RequestInit = {}) =>
    fetch(`${url}${path}`, {
      ...more,
      method,
      headers: {
        authorization: token,
        cookie: `session=${secret}`,
        'x-request-id': token,
        'idempotency-key': secret,
        traceparent: `00-${secret}`,
        tracestate: `a=${secret}`,
        'content-type': 'application/json',
      },
    });
  const body = (of: object) => ({ body: JSON.stringify(of) });

  await send('PATCH', '/api/users/ann/coupons/sea');
  await send('GET', `/api/users/bob/coupons?token=${token}&page=${secret}`);
  await send('GET', `/${secret}`);
  await send('POST', '/api/auth', body({ username: secret, password: secret }));
  await send('POST', '/api/users', body({ username: 'eve', password: secret, kind: secret }));
  await send('POST', '/api/users', { body: `{"password":"${secret}` });
  // The error of MySQL repeats the failed statement, which has the hash of the password.
  const { mysql, close: closeMysql } = connectMysql(stores.config.mysqlUrl);
  await mysql.raw("CREATE TRIGGER nobody BEFORE INSERT ON users FOR EACH ROW SIGNAL SQLSTATE '45000'");
  assert.is(
    (await send('POST', '/api/users', body({ username: 'eve', password: secret, kind: 'customer' }))).status,
    503,
  );
  await closeMysql();
  const failed = requests().at(-1) ?? {};
  assert.is(failed.outcome, 'unknown');
  assert.type((failed.err as Line | undefined)?.stack, 'string');
  await send('POST', '/api/auth/logout');
  await close();
  await stores.close();

  assert.ok(requests().length >= 9);
  assert.not.match(text(), new RegExp(secret));
  assert.not.match(text(), /argon2/);
  for (const part of token.replace('Bearer ', '').split('.').slice(1)) assert.not.ok(text().includes(part));
});

test('a stream of live figures has one line, which is written when the stream begins', async () => {
  const stores = await openTestStores();
  const { log, requests } = readableLog('debug');
  const { url, close } = await openServer(stores.config, log);
  const client = createClient(url);
  await client.register('ann', 'seller');
  const bob = await client.enter('bob', 'customer');
  const lines = () => requests().filter(({ route }) => route === '/api/live');

  const stream = await listen(url, bob, 'ann');
  await stream.waitFor(() => true);

  const [begun = {}] = lines();
  const { level, status, outcome, user } = begun;
  assert.equal({ level, status, outcome, user }, { level: 30, status: 200, outcome: 'ok', user: 'bob' });
  await close();
  await stream.ended;
  assert.is(lines().length, 1);
  await stores.close();
});

test('neither the server nor the crowd of a rehearsal with a listener writes a token to the log', async () => {
  const stores = await openTestStores();
  const environment = { ...stores.environment, ALLOW_REHEARSAL: '1', LOG_LEVEL: 'trace' };
  const server = startProgram('src/main.ts', environment);
  const url = await server.listening;
  const client = createClient(url);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'sea', amount: 3, stock: 5 });

  const stream = await listen(url, ann, 'ann');
  const json = { coupon: 'sea', customers: 20, seconds: 0 };
  assert.is((await client.send('POST', '/api/rehearsals', { token: ann, json })).status, 202);
  await stream.waitFor(({ rehearsal }) => rehearsal?.running === false);
  server.kill('SIGTERM');
  await stream.ended;
  const { stdout, stderr } = await server.ended;
  await stores.close();

  assert.match(stderr, '~rehearsal-');
  // Every token begins with these letters.
  assert.not.match(stdout + stderr, /eyJ/);
  assert.not.match(stdout + stderr, stores.config.jwtSecret);
});

test('the log removes the value of a secret that code logs by mistake', () => {
  const { log, text } = readableLog('info');
  const value = 'hunter2hunter2';

  log.info({ authorization: value, password: value, body: { token: value }, req: { headers: { cookie: value } } });
  log.info({ res: { headers: { 'set-cookie': value } }, config: { jwtSecret: value } });

  assert.not.match(text(), /hunter2/);
});

test('a server writes its log to a pipe as JSON, complete before it exits, and as text with LOG_FORMAT=pretty', async () => {
  const stores = await openTestStores();
  const run = async (environment: NodeJS.ProcessEnv) => {
    const server = startProgram('src/main.ts', { ...stores.environment, LOG_LEVEL: 'info', ...environment });
    const url = await server.listening;
    for (let i = 0; i < 5; i++) await fetch(`${url}/healthz`);
    server.kill('SIGTERM');
    const { status, stderr } = await server.ended;
    assert.is(status, 0);
    return stderr.split('\n').filter((line) => line.includes('healthz'));
  };

  const json = (await run({})).map((line) => JSON.parse(line));
  const [pretty = ''] = await run({ LOG_FORMAT: 'pretty' });

  assert.is(json.length, 5);
  assert.is(json[0].route, '/healthz');
  assert.throws(() => JSON.parse(pretty));
  await stores.close();
});

test.after(endPrograms);
test.run();
