import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openServer } from '../../src/server.ts';
import { createClient } from '../support/httpClient.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readableLog } from '../support/readableLog.ts';
import { openTestStores } from '../support/testStores.ts';

const test = suite('clients that break off in the middle of a body');
const { log, requests: logged, alarms } = readableLog('debug');
const stores = await openTestStores();
const { url, close } = await openServer(stores.config, log);
const client = createClient(url);
const ann = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
await client.create(ann, 'ann', { name: 'spring', amount: 5, stock: 1, description: '' });

const requests: [request: string, token: string][] = [
  ['POST /api/users', ''],
  ['POST /api/auth', ''],
  ['POST /api/auth/logout', ann],
  ['POST /api/users/ann/coupons', ann],
  ['PATCH /api/users/ann/coupons/spring', bob],
  ['POST /api/users/ann/coupons/spring/pause', ann],
];
const framings: [name: string, header: string, body: string][] = [
  ['a length', 'Content-Length: 100', '{"username":'],
  ['chunks', 'Transfer-Encoding: chunked', 'c\r\n{"username":\r\n'],
];
const ends: [name: string, end: (socket: Socket) => void][] = [
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['ends the connection', (socket) => socket.end()],
];

for (const [request, token] of requests)
  for (const [framing, header, body] of framings)
    for (const [how, end] of ends)
      test(`${request} with ${framing}, whose client ${how}, is a broken-off request and no error in the log`, async () => {
        const before = logged().length;
        const authorization = token === '' ? '' : `Authorization: ${token}\r\n`;
        const head = `${request} HTTP/1.1\r\nHost: x\r\n${authorization}Content-Type: application/json\r\n${header}\r\n\r\n`;
        const { socket, closed } = await openRawSocket(url, head + body);
        // The request has reached the server when a later one is answered.
        await client.send('GET', '/healthz');
        end(socket);
        await closed;

        const isLogged = () =>
          logged()
            .slice(before)
            .some(({ outcome }) => outcome === 'broken-off');
        while (!isLogged()) await sleep(5);
        assert.equal(alarms(), []);
      });

test('a grab that was broken off has taken no piece', async () => {
  const { body } = await client.send('GET', '/api/users/ann/coupons/spring', { token: bob });
  assert.is((body as { data: { left: number } }).data.left, 5);
});

test.after(async () => {
  await close();
  await stores.close();
});
test.run();
