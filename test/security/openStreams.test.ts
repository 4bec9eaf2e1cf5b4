import { EventEmitter, once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { eventually } from '../support/batches.ts';
import { createClient } from '../support/httpClient.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readMetrics } from '../support/readMetrics.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem({
  MAX_STREAMS_PER_USER: '2',
  MAX_STREAMS_PER_ADDRESS: '3',
  TRUST_PROXY: '127.0.0.1',
});
const server = await serveApp(createApp(system).callback());
await createClient(server.url).register('ann', 'seller');
const test = suite('attack: a client that takes all streams');

/** Opens a stream for a user at an address, as a proxy reports it; `leave` ends the stream. */
async function watch(user: string, address: string, url = server.url) {
  const leaving = new AbortController();
  const response = await fetch(`${url}/api/live?seller=ann`, {
    headers: { authorization: system.tokens.issue(user, 'customer'), 'x-forwarded-for': address },
    signal: leaving.signal,
  });
  return { response, leave: () => leaving.abort() };
}

/** Resolves when the server has seen that clients have left, and so many streams are open. */
const untilOpen = (streams: number) =>
  eventually(`${streams} open streams`, async () => system.live.listeners() <= streams);

type Client = [user: string, address: string];
const limits: [description: string, clients: Client[], next: Client, errMsg: string][] = [
  [
    'a user has two streams',
    [
      ['bob', '192.0.2.1'],
      ['bob', '192.0.2.2'],
    ],
    ['bob', '192.0.2.3'],
    'Too many open streams of this user. Try again later.',
  ],
  [
    'an address has three streams',
    [
      ['bob', '192.0.2.1'],
      ['kim', '192.0.2.1'],
      ['lee', '192.0.2.1'],
    ],
    ['joe', '192.0.2.1'],
    'Too many open streams from this address. Try again later.',
  ],
];
for (const [description, clients, next, errMsg] of limits) {
  test(`when ${description}, the next one is refused, others are served, and a place is free again when one has left`, async () => {
    // Given these streams.
    const open = [];
    for (const [user, address] of clients) open.push(await watch(user, address));
    for (const { response } of open) assert.is(response.status, 200);

    // When the next one comes.
    const { response } = await watch(...next);

    // Then only that one is refused.
    assert.is(response.status, 429);
    assert.is(response.headers.get('retry-after'), '10');
    assert.equal(await response.json(), { errMsg });
    const other = await watch('zoe', '198.51.100.1');
    assert.is(other.response.status, 200);

    // Then it is served when another one has left.
    for (const { leave } of open.splice(0, 1)) leave();
    await untilOpen(clients.length);
    const again = await watch(...next);
    assert.is(again.response.status, 200);
    for (const { leave } of [...open, other, again]) leave();
    await untilOpen(0);
  });
}

test('the addresses of one IPv6 network share their streams', async () => {
  const open = [];
  for (const place of [1, 2, 3]) open.push(await watch(`user-${place}`, `2001:db8::${place}`));
  assert.is((await watch('joe', '2001:db8::4')).response.status, 429);
  for (const { leave } of open) leave();
  await untilOpen(0);
});

test('refused streams are counted by the limit that was reached', async () => {
  const { sum } = await readMetrics(server.url);
  assert.is(sum('seckill_live_listeners_refused_total', { limit: 'user' }), 1);
  assert.is(sum('seckill_live_listeners_refused_total', { limit: 'address' }), 2);
  assert.is(sum('seckill_live_listeners_refused_total', { limit: 'total' }), 0);
});

test('a client that leaves while its stream waits for Redis keeps no place', async () => {
  // Given a Redis whose reply waits until the client has left.
  const steps = new EventEmitter();
  const [arrived, left, done] = ['arrived', 'left', 'done'].map((step) => once(steps, step));
  const redis = new Proxy(system.redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'get') return value.bind(target);
      return async (key: string) => {
        steps.emit('arrived');
        await left;
        return target.get(key);
      };
    },
  });
  const live: typeof system.live = {
    ...system.live,
    listen: (...given) => system.live.listen(...given).finally(() => void steps.emit('done')),
  };
  const app = createApp({ ...system, redis, live }).callback();
  const slow = await serveApp((request, response) => {
    response.once('close', () => void steps.emit('left'));
    app(request, response);
  });

  // When the client leaves before the reply.
  const token = system.tokens.issue('bob', 'customer');
  const { socket } = await openRawSocket(
    slow.url,
    `GET /api/live?seller=ann HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\n\r\n`,
  );
  await arrived;
  socket.destroy();
  await done;

  await slow.close();

  // Then no stream is open.
  assert.is(system.live.listeners(), 0);
});

test.after(async () => {
  await server.close();
  await close();
});
test.run();
