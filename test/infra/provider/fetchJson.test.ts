import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fetchJson } from '../../../src/infra/provider/fetchJson.ts';
import { leftAtSignal } from '../../support/leftAtSignal.ts';

const server = createServer((req, res) => {
  if (req.url === '/keys') res.end('{"keys":[]}');
  else if (req.url === '/down') res.writeHead(503).end();
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const test = suite('fetching JSON from the identity provider');

test('requests that have ended leave nothing behind at the signal of the process', async () => {
  const { signal } = new AbortController();

  assert.equal(await fetchJson(`${url}/keys`, signal), { keys: [] });
  const error = await fetchJson(`${url}/down`, signal).catch((reason) => reason);

  assert.match(String(error), /\/down answers 503/);
  assert.is(leftAtSignal(signal), 0);
});

test('when the process stops, a request that has no answer yet is broken off', async () => {
  const stop = new AbortController();
  const fetching = fetchJson(`${url}/never`, stop.signal).then(
    () => 'an answer',
    ({ name }) => name,
  );
  stop.abort();

  assert.is(await fetching, 'AbortError');
});

test.after(() => {
  server.close();
  server.closeAllConnections();
});
test.run();
