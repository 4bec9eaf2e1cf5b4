import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openClient } from './applications.ts';

const REQUESTS = 300;

test('all requests reach an application that answers none of them', async () => {
  // given
  let arrived = 0;
  const server = createServer(() => {
    if (++arrived === REQUESTS) server.emit('all arrived');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const client = openClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const allArrived = once(server, 'all arrived', { signal: AbortSignal.timeout(10_000) });
  // when
  const requests = Array.from({ length: REQUESTS }, () =>
    client.request({ method: 'GET', path: '/' }).catch(() => undefined),
  );
  await allArrived.catch(() => {});
  server.closeAllConnections();
  server.close();
  await client.destroy();
  await Promise.all(requests);
  // then
  assert.is(arrived, REQUESTS);
});

test.run();
