import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SLOW_CLIENT_LIMITS } from '../../src/http/edge/httpServer.ts';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readableLog } from '../support/readableLog.ts';
import { openTestStores } from '../support/testStores.ts';

const test = suite('slow sockets');
const { log, alarms } = readableLog();
const stores = await openTestStores();
const { url, close } = await openServer(stores.config, log);
const client = createClient(url);

/** The bytes that a socket sends at once; then it sends a byte a second, or nothing more. */
const attacks: [name: string, first: string, drips: boolean][] = [
  ['a header at one byte a second', 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ', true],
  [
    'a body at one byte a second',
    'POST /api/auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
    true,
  ],
  ['a connection that sends nothing', '', false],
  ['a header that stops', 'GET /healthz HTTP/1.1\r\nHo', false],
  ['a second request that stops', 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\n', false],
];
const SOCKETS = 500;

test('500 slow sockets are disconnected while a sale and a stream go on', async () => {
  // Given a sale, and a customer who watches it.
  const ann = await client.enter('ann', 'seller');
  const watcher = await client.enter('bob', 'customer');
  await client.create(ann, 'ann', { name: 'spring', amount: 5, stock: 1, description: '' });
  const stream = await fetch(`${url}/api/live?seller=ann`, { headers: { authorization: watcher } });
  const reader = stream.body?.getReader();
  assert.ok((await reader?.read())?.value);

  // When 500 sockets send slowly.
  const slow = await Promise.all(
    Array.from({ length: SOCKETS }, async (_, place) => {
      const [, first = '', drips = false] = attacks[place % attacks.length] ?? [];
      const { socket, received, closed } = await openRawSocket(url, first);
      const drip = setInterval(() => drips && socket.write('x'), 1_000);
      return { received, closed: closed.then(() => clearInterval(drip)) };
    }),
  );
  let gone = false;
  const allGone = Promise.all(slow.map(({ closed }) => closed)).then(() => {
    gone = true;
  });

  // Then grabs are answered until the last socket is gone, and after it.
  const outcomes = new Set<string | null>();
  while (!gone) {
    const { status, headers } = await client.grab(watcher, 'ann', 'spring');
    assert.ok(status === 201 || status === 204, `status ${status}`);
    outcomes.add(headers.get('grab-outcome'));
    await Promise.race([allGone, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  assert.equal([...outcomes], ['grabbed', 'already-grabbed']);
  for (const { received } of slow) assert.match(received(), /HTTP\/1\.1 408 /);

  // Then the stream is still open, and sends the next change.
  await client.create(ann, 'ann', { name: 'summer', amount: 1, stock: 1, description: '' });
  let seen = '';
  while (!seen.includes('summer')) {
    const next = await reader?.read();
    assert.not(next?.done, 'the stream has ended');
    seen += Buffer.from(next?.value ?? []);
  }
  await reader?.cancel();

  // Then no socket has left a warning or an error in the log.
  assert.equal(alarms(), []);
});

test('the limits disconnect a slow client within 10 s of its connection or of the first byte of its request', () => {
  const { headersTimeout, requestTimeout, connectionsCheckingInterval } = SLOW_CLIENT_LIMITS;
  assert.ok(Math.max(headersTimeout, requestTimeout) + connectionsCheckingInterval <= 10_000);
});

test.after(async () => {
  await close();
  await stores.close();
});
test.run();
