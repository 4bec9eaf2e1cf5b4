import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { openSystem } from '../../src/system.ts';
import { eventually } from '../support/batches.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readableLog } from '../support/readableLog.ts';
import { readMetrics } from '../support/readMetrics.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';

// Slow requests are warnings, so that an operator sees a slow server. A slow client must not look like one.

const { log, requests } = readableLog('info');
const stores = await openTestStores();
const { system, close } = await openSystem(stores.config, log);
const server = await serveApp(createApp(system).callback());
const customer = () => system.tokens.issue('bob', 'customer');

const PAUSE_MS = 1_200;
const test = suite('clients that send a body slowly to its end');

for (const [what, request] of [
  ['a log-out with a body', 'POST /api/auth/logout'],
  ['a grab with a body', 'PATCH /api/users/ann/coupons/spring'],
  ['a registration that is refused', 'POST /api/users'],
] as const)
  test(`${what} that takes over a second to arrive is no warning`, async () => {
    const [method = ''] = request.split(' ');
    const durations = async () =>
      (await readMetrics(server.url)).sum('seckill_http_request_duration_seconds_sum', { method });
    const durationsBefore = await durations();
    const before = requests().length;
    const sentAt = performance.now();
    const headers = `Host: x\r\nAuthorization: ${customer()}\r\nContent-Type: application/json\r\nContent-Length: 2`;

    const { socket, received } = await openRawSocket(server.url, `${request} HTTP/1.1\r\n${headers}\r\n\r\n{`);
    await sleep(PAUSE_MS);
    socket.write('}');
    await eventually('the answer', async () => received().startsWith('HTTP/1.1 '));
    const answeredAt = performance.now();
    socket.destroy();

    const [line] = requests().slice(before);
    assert.ok(Number(line?.ms) >= 1_000);
    assert.is(line?.level, 30);
    // Without the time in which the body did not arrive. The timer of the pause may be early by a millisecond.
    assert.ok((await durations()) - durationsBefore <= (answeredAt - sentAt - PAUSE_MS + 1) / 1_000);
  });

test.after(async () => {
  await server.close();
  await close();
  await stores.close();
});

test.run();
