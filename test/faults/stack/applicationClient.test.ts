import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { serveApp } from '../../support/serveApp.ts';
import { openClient } from './applications.ts';

const REQUESTS = 300;

test('all requests reach an application that answers none of them', async () => {
  // given
  let arrived = 0;
  const { url, server, close } = await serveApp(() => {
    if (++arrived === REQUESTS) server.emit('all arrived');
  });
  const client = openClient(url);
  const allArrived = once(server, 'all arrived', { signal: AbortSignal.timeout(10_000) });
  // when
  const requests = Array.from({ length: REQUESTS }, () =>
    client.request({ method: 'GET', path: '/' }).catch(() => undefined),
  );
  await allArrived.catch(() => {});
  await close();
  await client.destroy();
  await Promise.all(requests);
  // then
  assert.is(arrived, REQUESTS);
});

test.run();
