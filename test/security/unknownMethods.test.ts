import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { openSystem } from '../../src/system.ts';
import { eventually } from '../support/batches.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { readableLog } from '../support/readableLog.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';

// A router answers 501 to methods that it does not know. A 5xx is a fault, which is always logged, and a client must not get it at will.

const REQUESTS = 2_000;

const { log, requests } = readableLog('info');
const stores = await openTestStores();
const { system, close } = await openSystem(stores.config, log);
const server = await serveApp(createApp(system).callback());

const test = suite('floods of unknown methods');

for (const method of ['TRACE', 'PROPFIND', 'M-SEARCH'])
  test(`${method} at any rate leaves no warning, and lines up to the rate of the log`, async () => {
    const before = requests().length;
    const request = `${method} /api/users HTTP/1.1\r\nHost: x\r\n\r\n`;

    const { received, socket } = await openRawSocket(server.url, request.repeat(REQUESTS));
    await eventually(
      'an answer to each request',
      async () => received().split('HTTP/1.1 405 ').length - 1 === REQUESTS,
    );
    socket.destroy();

    const lines = requests().slice(before);
    assert.ok(lines.length < REQUESTS, `${lines.length} lines`);
    assert.equal(
      lines.filter(({ level, ms }) => Number(level) >= 40 && Number(ms) < 1_000),
      [],
    );
  });

test.after(async () => {
  await server.close();
  await close();
  await stores.close();
});

test.run();
