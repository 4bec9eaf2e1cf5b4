import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { drain } from '../../src/http/edge/drain.ts';

const test = suite('the drain of the HTTP server');

/** Sends a request and keeps the connection; soon after the answer, sends one more on it and one on each of two new connections. */
const client = `
  const http = require('node:http');
  const get = (agent) => new Promise((resolve) =>
    http.get({ port: process.argv[1], host: '127.0.0.1', agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode));
    }).on('error', ({ code }) => resolve(code)));
  const kept = new http.Agent({ keepAlive: true });
  (async () => {
    await get(kept);
    console.log('kept');
    setTimeout(async () => {
      console.log(JSON.stringify(await Promise.all([get(kept), get(false), get(false)])));
      process.exit(0);
    }, 100);
  })();
`;

/** The process does nothing else meanwhile, as with work that takes long. */
const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

test('given requests that arrived while the process was busy, on a kept connection and on new ones, a stop answers them all', async () => {
  const server = createServer((_request, response) => response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const program = spawn(process.execPath, ['-e', client, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [first] = await once(program.stdout, 'data');
  assert.is(String(first), 'kept\n');
  const answers = once(program.stdout, 'data');

  block(1_000);
  await drain(server);

  assert.equal(JSON.parse(String((await answers)[0])), [200, 200, 200]);
});

test('given an idle connection, a stop does not wait for it', async () => {
  const server = createServer((_request, response) => response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}`, { keepalive: true });
  await answer.text();

  await drain(server);

  assert.not(server.listening);
});

test.run();
