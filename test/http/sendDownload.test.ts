import { once } from 'node:events';
import { connect } from 'node:net';
import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answerErrors } from '../../src/http/errors.ts';
import { sendDownload } from '../../src/http/lists/sendDownload.ts';
import { Unavailable } from '../../src/unavailable.ts';
import { serveApp } from '../support/serveApp.ts';

const test = suite('sending a download');
const MEGABYTE = 'x'.repeat(1_000_000);

/** Given a server that sends these chunks. `ended` resolves to the outcome in the request log, when the handler has ended. */
async function given(chunks: () => AsyncGenerator<string>, stalledMs?: number) {
  let end: (outcome: unknown) => void = () => {};
  const reported: Error[] = [];
  const ended = new Promise<unknown>((resolve) => {
    end = resolve;
  });
  const app = new Koa();
  app.on('error', (error) => reported.push(error));
  app.use(answerErrors).use(async (ctx) => {
    await sendDownload(ctx, { chunks: chunks(), fileName: 'file.csv' }, stalledMs);
    end(ctx.state.outcome);
  });
  return { ...(await serveApp(app.callback())), ended, reported };
}

test('a client gets all chunks in their order', async () => {
  const { url, close, ended } = await given(async function* () {
    for (const chunk of ['a', 'b', '', 'c']) yield chunk;
  });

  const answer = await fetch(url);

  assert.is(await answer.text(), 'abc');
  assert.is(answer.headers.get('content-type'), 'text/csv; charset=utf-8');
  assert.is(await ended, undefined);
  await close();
});

test('a failure of the first chunk is an answer without the headers of a file', async () => {
  // biome-ignore lint/correctness/useYield: the first chunk fails.
  const { url, close } = await given(async function* () {
    throw new Unavailable('MySQL does not answer');
  });

  const answer = await fetch(url);

  assert.is(answer.status, 503);
  assert.is(answer.headers.get('content-disposition'), null);
  await close();
});

test('a failure of a later chunk cuts the connection and is reported', async () => {
  const { url, close, ended, reported } = await given(async function* () {
    yield 'a';
    throw new Unavailable('MySQL does not answer');
  });

  const error = await fetch(url)
    .then((answer) => answer.text())
    .catch((thrown) => thrown);

  assert.instance(error, Error);
  assert.is(await ended, 'cut-off');
  assert.equal(
    reported.map(({ message }) => message),
    ['MySQL does not answer'],
  );
  await close();
});

test('when a client leaves, no further chunk is made', async () => {
  const { url, close, ended } = await given(async function* () {
    for (;;) yield MEGABYTE;
  });
  const client = new AbortController();
  await (await fetch(url, { signal: client.signal })).body?.getReader().read();

  client.abort();

  assert.is(await ended, 'cut-off');
  await close();
});

test('a client that takes nothing is cut off, and its chunks are not made', async () => {
  let made = 0;
  const { url, close, ended } = await given(async function* () {
    for (; made < 100; made++) yield MEGABYTE;
  }, 200);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).pause();
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');

  assert.is(await ended, 'cut-off');

  assert.ok(made < 50);
  socket.destroy();
  await close();
});

test.run();
