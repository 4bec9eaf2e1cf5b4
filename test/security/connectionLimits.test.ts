import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Closer } from '../../src/infra/closers.ts';
import { openRawSocket, type RawSocket } from '../support/rawSocket.ts';
import { readMetrics } from '../support/readMetrics.ts';
import { openTestServer } from '../support/testServer.ts';

const test = suite('connections beyond the limits');
/** After each test, whether or not it has failed: an open server would keep this process alive. */
const closers: Closer[] = [];
test.after.each(async () => {
  for (const close of closers.splice(0)) await close();
});

/** True when the server answers on this connection, false when it has closed the connection. */
async function isServed({ socket, received, closed }: RawSocket): Promise<boolean> {
  const length = received().length;
  socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
  const ended = closed.then(() => true);
  while (received().length === length) if (await Promise.race([ended, sleep(5, false)])) return false;
  return true;
}

for (const [setting, limit] of [
  ['MAX_CONNECTIONS', 'total'],
  ['MAX_CONNECTIONS_PER_ADDRESS', 'address'],
] as const) {
  test(`with ${setting}=10, the eleventh connection is closed, and a later one is served once another has ended`, async () => {
    const { url, close } = await openTestServer({ [setting]: '10', KEEP_ALIVE_SECONDS: '60' });
    closers.push(close);
    const sockets: RawSocket[] = [];
    for (let i = 0; i < 10; i++) sockets.push(await openRawSocket(url));
    for (const socket of sockets) assert.ok(await isServed(socket));

    for (let i = 0; i < 3; i++) assert.not(await isServed(await openRawSocket(url)));
    for (const socket of sockets) assert.ok(await isServed(socket));

    for (const { socket } of sockets.splice(0, 5)) socket.destroy();
    // The server sees the end of these connections a moment later.
    while (!(await isServed(await openRawSocket(url)))) await sleep(5);
    const { sum } = await readMetrics(url);
    assert.ok(sum('seckill_connections_refused_total', { limit }) >= 3);
    assert.ok(sum('seckill_connections') <= 10);
    for (const { socket } of sockets) socket.destroy();
  });
}

test('with MAX_CONNECTIONS_PER_ADDRESS=0 one address, such as that of a proxy, may have all connections', async () => {
  const { url, close } = await openTestServer({ MAX_CONNECTIONS: '20', MAX_CONNECTIONS_PER_ADDRESS: '0' });
  closers.push(close);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => openRawSocket(url)));
  assert.equal(await Promise.all(sockets.map(isServed)), Array(20).fill(true));
  for (const { socket } of sockets) socket.destroy();
});

test.run();
