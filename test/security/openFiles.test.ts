import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { endPrograms, startServer } from '../support/program.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { openTestStores } from '../support/testStores.ts';

const test = suite('a flood of connections under a low limit of open files');
const stores = await openTestStores({ LOG_LEVEL: 'info', MAX_CONNECTIONS: '1000' });

test('the server warns at its start, closes what is too much, and serves other clients after the flood', async () => {
  // Given a server that may open 256 files.
  const server = startServer(stores.environment, 256);
  const url = await server.listening;
  await server.printed(/limit of open files allows fewer connections/);

  // When a client opens more connections than that.
  const flood = await Promise.all(Array.from({ length: 400 }, () => openRawSocket(url)));
  await server.printed(/too many connections/);

  // Then the server is alive and reaches its stores when the flood is over.
  for (const { socket } of flood) socket.destroy();
  const ready = () =>
    fetch(`${url}/readyz`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await ready())) await sleep(50);
  server.kill('SIGTERM');
  const { status, stderr } = await server.ended;
  assert.is(status, 0);
  assert.not.match(stderr, /EMFILE/);
});

test.after(async () => {
  await endPrograms();
  await stores.close();
});
test.run();
