import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { freePort } from '../support/freePort.ts';
import { endPrograms, startServer } from '../support/program.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readMetrics } from '../support/readMetrics.ts';
import { openTestStores } from '../support/testStores.ts';

const test = suite('clients that look for metrics');
const stores = await openTestStores();
const OPS_PORT = String(await freePort());
const token = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const server = startServer({ ...stores.environment, WORKERS: '2', OPS_PORT, OPERATOR_TOKENS: `olga=${token}` });
const url = await server.listening;
const operators = `http://127.0.0.1:${OPS_PORT}`;

const statusOf = async (base: string, path: string) => (await fetch(`${base}${path}`)).status;

for (const [path, onPort, onOpsPort] of [
  ['/metrics', 404, 200],
  ['/readyz', 404, 200],
  ['/healthz', 200, 200],
  ['/operator', 404, 200],
  ['/api/operator/state', 404, 401],
  ['/', 200, 404],
  ['/docs', 200, 404],
  ['/api/users/ann/coupons', 401, 404],
] as const)
  test(`with OPS_PORT, ${path} is ${onPort} on PORT and ${onOpsPort} on OPS_PORT`, async () => {
    assert.is(await statusOf(url, path), onPort);
    assert.is(await statusOf(operators, path), onOpsPort);
  });

test('with OPS_PORT, the page of operators has all its files there, and its token is good there alone', async () => {
  const found = new Set(['/operator']);
  // A Set visits what is added on the way.
  for (const path of found) {
    const response = await fetch(`${operators}${path}`);
    assert.is(response.status, 200, path);
    if (/svg/.test(response.headers.get('content-type') ?? '')) continue;
    const text = await response.text();
    for (const [, named = ''] of text.matchAll(/(?:src|href)="(\/[^"]+)"|from '(\.[^']+)'/g)) found.add(named);
    for (const [, named = ''] of text.matchAll(/^import .*?from '(\.[^']+)'|^} from '(\.[^']+)'/gm))
      found.add(new URL(named, `${operators}${path}`).pathname);
    found.delete('');
  }
  assert.ok(found.size > 15, [...found].join());
  const headers = { authorization: token };
  assert.is((await fetch(`${operators}/api/operator/state`, { headers })).status, 200);
  assert.is((await fetch(`${url}/api/operator/state`, { headers })).status, 404);
});

test('the state has every worker, whichever answers', async () => {
  const ids = new Set<string>();
  const answered = new Set<string>();
  const limit = Date.now() + 30_000;
  while (ids.size < 2 && Date.now() < limit) {
    const response = await fetch(`${operators}/api/operator/state`, { headers: { authorization: token } });
    const { data } = (await response.json()) as {
      data: { answeredBy: { id: string }; redis: { state: { processes: { id: string }[] } } };
    };
    answered.add(data.answeredBy.id);
    for (const { id } of data.redis.state.processes) ids.add(id);
  }
  assert.is(ids.size, 2);
  for (const id of answered) assert.ok(ids.has(id));
});

test('OPS_PORT has the sum of the metrics of all workers, whichever worker answers', async () => {
  const { sum } = await readMetrics(operators);
  assert.is(sum('seckill_workers'), 2);
  assert.is(sum('seckill_gate_open'), 1);
});

test('the answers on OPS_PORT have the headers of all answers', async () => {
  for (const path of ['/metrics', '/readyz', '/nowhere']) {
    const { headers } = await fetch(`${operators}${path}`);
    assert.equal([headers.get('x-content-type-options'), headers.get('cache-control')], ['nosniff', 'no-store']);
  }
});

test('a slow socket on OPS_PORT is disconnected as on PORT', async () => {
  const { received, closed } = await openRawSocket(operators, 'GET /metrics HTTP/1.1\r\nHo');
  await closed;
  assert.match(received(), /^HTTP\/1\.1 408 /);
});

test('an OPS_PORT that is in use ends the start with one line that names the setting', async () => {
  const { status, stderr } = await startServer({ ...stores.environment, OPS_PORT }).ended;
  assert.is(status, 1);
  assert.match(stderr, new RegExp(`OPS_PORT: ${OPS_PORT} cannot be used`));
});

test('PORT and OPS_PORT cannot be the same', () => {
  assert.throws(() => readConfig({ PORT: '8080', OPS_PORT: '8080' }), /^OPS_PORT: /);
  assert.is(readConfig({}).opsPort, undefined);
});

test('the server stops as usual while a client keeps a connection to OPS_PORT', async () => {
  await openRawSocket(operators, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  server.kill('SIGTERM');
  assert.is((await server.ended).status, 0);
});

test.after(async () => {
  await endPrograms();
  await stores.close();
});
test.run();
