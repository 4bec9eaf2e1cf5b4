import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openRawSocket } from '../support/rawSocket.ts';
import { serveApp } from '../support/serveApp.ts';

// The limits of Node's server that end a connection whose client does nothing. Each test waits for the end of the connection.

const closers: (() => Promise<void>)[] = [];
const test = suite('attack: a client keeps connections without using them');
/** Larger than the buffers of both sockets. */
const LARGE = 64 * 1_024 * 1_024;
const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

test('a kept connection that sends nothing is closed after KEEP_ALIVE_SECONDS, without a further answer', async () => {
  const { url, close } = await serveApp((_request, response) => response.end('done'), { keepAliveSeconds: 1 });
  closers.push(close);

  const { received, closed } = await openRawSocket(url, request);
  await closed;

  assert.is(received().split('HTTP/1.1 ').length - 1, 1);
  assert.match(received(), /^HTTP\/1\.1 200 /);
  // Without the setting, Node would close the connection too, after a time of its own.
  assert.match(received(), /Keep-Alive: timeout=1\r\n/);
});

test('a client that does not read its answer is disconnected', async () => {
  let answering: (response: ServerResponse) => void = () => {};
  const answered = new Promise<ServerResponse>((resolve) => {
    answering = resolve;
  });
  const listener: RequestListener = (_request, response) => {
    response.end(Buffer.alloc(LARGE));
    answering(response);
  };
  const { url, server, close } = await serveApp(listener, { keepAliveSeconds: 3_600 });
  closers.push(close);
  assert.ok(server.timeout > 0 && server.timeout <= 60_000, `timeout ${server.timeout}`);
  // The same limit, but shorter, so that the test does not wait for a minute.
  server.timeout /= 200;

  const { socket, received, closed } = await openRawSocket(url, request);
  socket.pause();
  const response = await answered;
  await once(response, 'close');

  // What is left in the buffers of the sockets.
  socket.resume();
  await closed;
  assert.ok(received().length < LARGE, `${received().length} bytes`);
});

test.after(async () => {
  for (const close of closers) await close();
});
test.run();
