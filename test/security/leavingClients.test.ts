import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { openSystem } from '../../src/system.ts';
import { eventually } from '../support/batches.ts';
import { createClient } from '../support/httpClient.ts';
import { givenManyHolders } from '../support/manyHolders.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readableLog } from '../support/readableLog.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';

// A client can break off at any rate, so nothing that it does may fill the log, or wake an operator up.

const { log, lines } = readableLog('debug');
const stores = await openTestStores();
const { system, close } = await openSystem(stores.config, log);
let open = 0;
const app = createApp(system).callback();
const server = await serveApp((request, response) => {
  open++;
  response.once('close', () => open--);
  app(request, response);
});
const ann = await createClient(server.url).enter('ann', 'seller');
const customer = () => system.tokens.issue('bob', 'customer');
// Larger than the buffers of a socket.
await givenManyHolders(
  system,
  { seller: 'ann', name: 'spring' },
  40_000,
  (version) => `${'券'.repeat(56)}${String(version).padStart(8, '0')}`,
);

const test = suite('clients that break off');

const head = (request: string, token: string, ...headers: string[]) =>
  [`${request} HTTP/1.1`, 'Host: x', `Authorization: ${token}`, ...headers, '', ''].join('\r\n');
const grab = () => head('PATCH /api/users/ann/coupons/spring', customer());
const json = ['Content-Type: application/json', 'Content-Length: 100'];

/** What the client sends, and what it has received when it breaks off. */
const moments: [when: string, bytes: () => string, received: RegExp | undefined][] = [
  ['before the first byte', () => '', undefined],
  ['in a header', () => 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Lo', undefined],
  ['in a body with a length', () => `${head('POST /api/users', '', ...json)}{"username":`, undefined],
  [
    'in a body in chunks',
    () => `${head('POST /api/auth', '', 'Transfer-Encoding: chunked')}c\r\n{"username":\r\n`,
    undefined,
  ],
  ['in the body of a grab', () => `${head('PATCH /api/users/ann/coupons/spring', customer(), ...json)}{`, undefined],
  ['while a grab is decided', grab, undefined],
  ['after the first of many grabs', () => grab().repeat(20), /HTTP\/1\.1 20/],
  ['in a header after a request', () => `${grab()}PATCH /api`, /HTTP\/1\.1 20/],
  ['before a download', () => head('GET /api/users/ann/coupons/spring/holders', ann, 'Accept: text/csv'), undefined],
  ['in a download', () => head('GET /api/users/ann/coupons/spring/holders', ann, 'Accept: text/csv'), /券/],
  ['before a stream', () => head('GET /api/live?seller=ann', customer()), undefined],
  ['in a stream', () => head('GET /api/live?seller=ann', customer()), /event: snapshot/],
  ['in a page', () => head('GET /docs/swagger-ui.css', ''), /HTTP\/1\.1 200/],
  ['after bytes that are not HTTP', () => 'nonsense\r\n\r\n', /HTTP\/1\.1 400/],
];
const ends: [how: string, end: (socket: Socket) => void][] = [
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['closes the connection', (socket) => socket.destroy()],
  ['sends no more, and reads on', (socket) => socket.end()],
];

for (const [when, bytes, expected] of moments)
  for (const [how, end] of ends)
    test(`a client that ${how} ${when} leaves no warning and no error in the log`, async () => {
      const before = lines().length;
      const { socket, received, closed } = await openRawSocket(server.url, bytes());
      await eventually(`an answer like ${expected}`, async () => expected?.test(received()) ?? true);
      // The rest of a download stays unread, so that the server is still sending it.
      if (how !== 'sends no more, and reads on') socket.pause();

      end(socket);

      // An idle connection, and that of a stream, would stay until the server ends it.
      if (how === 'sends no more, and reads on') setTimeout(() => socket.destroy(), 500).unref();
      await closed;
      await eventually('the end of every request', async () => open === 0);
      // Any request may be slow on a busy machine, which is a warning too.
      const alarms = lines()
        .slice(before)
        .filter(
          ({ level, msg, ms, status }) =>
            Number(level) >= 40 && !(msg === 'request' && Number(ms) >= 1_000 && Number(status) < 500),
        );
      assert.equal(alarms, []);
    });

test('after all that, no download holds a connection of MySQL', async () => {
  const { pool } = system.reads.mysql.client;
  await eventually(
    'the return of every connection',
    async () => pool.numUsed() === 0 && pool.numPendingAcquires() === 0,
  );
});

test('after all that, the server answers', async () => {
  assert.is((await fetch(`${server.url}/readyz`)).status, 200);
});

test.after(async () => {
  await server.close();
  await close();
  await stores.close();
});
test.run();
