import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openServer } from '../../../src/server.ts';
import { createClient } from '../../support/httpClient.ts';
import { openTestStores } from '../../support/testStores.ts';

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  links?: { traceId: string; spanId: string }[];
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number };
}

// Receives traces as OTLP over HTTP, like a collector.
const spans: Span[] = [];
const services = new Set<unknown>();
const receiver = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  for (const { resource, scopeSpans } of request.url === '/v1/traces' ? JSON.parse(body).resourceSpans : []) {
    services.add(resource.attributes.find(({ key }: { key: string }) => key === 'service.name')?.value.stringValue);
    for (const scope of scopeSpans) spans.push(...scope.spans);
  }
  response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const endpoint = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`;

const stores = await openTestStores();
const { url, close } = await openServer(
  { ...stores.config, otel: { endpoint, service: 'a shop', share: 1 } },
  createLog('silent'),
);
const client = createClient(url);
const ann = await client.enter('ann', 'seller');

const test = suite('tracing');
const traceIds = { bob: 'b'.repeat(32), carl: 'c'.repeat(32), dora: 'd'.repeat(32) };
const callerId = '00f067aa0ba902b7';
const grab = async (token: string, name: string, traceId: string, flags = '01') =>
  fetch(`${url}/api/users/ann/coupons/${name}`, {
    method: 'PATCH',
    headers: { authorization: token, traceparent: `00-${traceId}-${callerId}-${flags}` },
  });
/** The first received span that this holds for; waits for it. */
const received = async (wanted: (span: Span) => boolean): Promise<Span> => {
  for (const limit = Date.now() + 20_000; Date.now() < limit; ) {
    const span = spans.find(wanted);
    if (span !== undefined) return span;
    await sleep(20);
  }
  throw new Error('the span was not received');
};
const attribute = (span: Span, key: string) =>
  Object.values(span.attributes.find((one) => one.key === key)?.value ?? {})[0];
/** Whether the span belongs to the trace or has a link to it. */
const touches = ({ traceId, links = [] }: Span, wanted: string) =>
  traceId === wanted || links.some((link) => link.traceId === wanted);

test('the trace of a client continues in the spans of the request, the script call and the transaction', async () => {
  const bob = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'sea', amount: 9, stock: 5 });

  assert.is((await grab(bob, 'sea', traceIds.bob)).status, 201);

  const spanNamed = (name: string) => received((span) => span.name === name && span.traceId === traceIds.bob);
  const request = await spanNamed('PATCH /api/users/:seller/coupons/:name');
  assert.is(request.parentSpanId, callerId);
  assert.is(attribute(request, 'http.route'), '/api/users/:seller/coupons/:name');
  assert.is(attribute(request, 'http.response.status_code'), 201);
  assert.is(attribute(request, 'seckill.outcome'), 'grabbed');
  for (const name of ['grabCoupon.lua', 'apply batch']) assert.is((await spanNamed(name)).parentSpanId, request.spanId);
  assert.equal([...services], ['a shop']);
});

test('the span of a script call for two grabs is a child of one request and linked to the other', async () => {
  await client.create(ann, 'ann', { name: 'lake', amount: 9, stock: 5 });
  const [carl, dora] = await Promise.all(['carl', 'dora'].map((name) => client.enter(name, 'customer')));
  // Repeated until two requests arrive in the same turn of the event loop and share a script call.
  for (let round = 0; ; round++) {
    const name = `lake ${round}`;
    await client.create(ann, 'ann', { name, amount: 9, stock: 5 });
    spans.length = 0;
    await Promise.all([
      grab(carl ?? '', encodeURIComponent(name), traceIds.carl),
      grab(dora ?? '', encodeURIComponent(name), traceIds.dora),
    ]);
    for (const traceId of [traceIds.carl, traceIds.dora])
      await received((span) => span.name === 'grabCoupon.lua' && touches(span, traceId));
    const scripts = spans.filter((span) => span.name === 'grabCoupon.lua');
    if (scripts.length > 1) continue;
    assert.is(scripts[0]?.links?.length, 1);
    assert.is(attribute(scripts[0] as Span, 'db.operation.batch.size'), 2);
    return;
  }
});

test('a request that its client does not sample has no span', async () => {
  const eve = await client.enter('eve', 'customer');
  const [unsampled, sampled] = ['e'.repeat(32), 'f'.repeat(32)];

  await grab(eve, 'sea', unsampled, '00');
  await grab(eve, 'sea', sampled);

  await received(({ traceId }) => traceId === sampled);
  assert.not.ok(spans.some((span) => touches(span, unsampled)));
});

test('a server that stops sends its remaining spans', async () => {
  const last = '9'.repeat(32);
  await grab(ann, 'sea', last);

  await close();

  assert.ok(spans.some(({ traceId }) => traceId === last));
});

test.after(async () => {
  receiver.close();
  receiver.closeAllConnections();
  await stores.close();
});
test.run();
