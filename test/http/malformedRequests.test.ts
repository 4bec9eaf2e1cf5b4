import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { eventually } from '../support/batches.ts';
import { rawAnswers } from '../support/rawHttp.ts';
import { openRawSocket } from '../support/rawSocket.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestServer } from '../support/testServer.ts';

const { url, client, close } = await openTestServer();
const test = suite('malformed HTTP requests');
const port = Number(new URL(url).port);

/** All that the server answers to these bytes, until it closes the connection. */
const answerTo = (bytes: string) =>
  new Promise<{ head: string; body: string }>((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (data) => {
      text += data;
    });
    socket.once('error', reject);
    socket.once('close', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n');
      resolve({ head, body });
    });
  });

const refused: [description: string, bytes: string, status: string, errMsg: string][] = [
  [
    'a header over the limit',
    `GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: ${'x'.repeat(20_000)}\r\n\r\n`,
    '431 Request Header Fields Too Large',
    'Request Header Fields Too Large.',
  ],
  ['bytes that are not HTTP', 'nonsense\r\n\r\n', '400 Bad Request', 'Malformed HTTP request.'],
  [
    'two lengths that differ',
    'POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}',
    '400 Bad Request',
    'Malformed HTTP request.',
  ],
];
for (const [description, bytes, status, errMsg] of refused) {
  test(`${description}: ${status}, with errMsg as JSON`, async () => {
    const { head, body } = await answerTo(bytes);
    assert.ok(head.startsWith(`HTTP/1.1 ${status}\r\n`), head);
    assert.match(head, /^content-type: application\/json/im);
    assert.match(head, /^connection: close$/im);
    assert.equal(JSON.parse(body), { errMsg });
  });
}

test('after a client has disconnected in the middle of a header, the server answers other clients', async () => {
  await new Promise<void>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /healthz HTTP/1.1\r\nHo');
      socket.resetAndDestroy();
    });
    socket.once('close', () => resolve());
  });
  assert.is((await client.send('GET', '/healthz')).status, 200);
});

/** A server that answers each request a moment later, when Node's parser has refused what follows. */
const openLateServer = () =>
  serveApp((request, response) => {
    setImmediate(() => {
      if (request.url === '/last') response.setHeader('Connection', 'close');
      // Longer than the buffers of a socket, so that the answer would be cut if the connection were closed early.
      if (request.complete) response.end('x'.repeat(8_000_000));
    });
  });
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const badChunk = (path: string) =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n`;

for (const [description, bytes, expected] of [
  ['after a request', `${get('/a')}nonsense\r\n\r\n`, '200 400'],
  ['after three requests', `${get('/a')}${get('/b')}${get('/c')}nonsense\r\n\r\n`, '200 200 200 400'],
  ['in a body after a request', `${get('/a')}${badChunk('/b')}`, '200 400'],
  ['in a body', badChunk('/b'), '400'],
  ['after a request whose answer ends the connection', `${get('/last')}nonsense\r\n\r\n`, '200'],
] as const) {
  test(`bytes that are not HTTP ${description}: complete requests get their answers first (${expected})`, async () => {
    const late = await openLateServer();
    const answers = await rawAnswers(late.url, bytes);
    await late.close();
    assert.is(answers.map(({ status }) => status).join(' '), expected);
    for (const { head, body } of answers)
      assert.is(body.length, Number(/^content-length: (\d+)/im.exec(head)?.[1]), 'a whole body');
  });
}

test('a client that goes on to send such bytes while its request waits for an answer costs no memory for each of them', async () => {
  // Given a request whose answer waits, and bytes that are not HTTP.
  const arrived: ServerResponse[] = [];
  const late = await serveApp((_, response) => void arrived.push(response));
  const { socket, received, closed } = await openRawSocket(late.url, get('/a'));
  const send = async (bytes: string) => {
    socket.write(bytes);
    await eventually('the arrival of the bytes', async () => arrived[0]?.req.socket.bytesRead === socket.bytesWritten);
  };
  await send('nonsense\r\n\r\n');
  const [response] = arrived;
  const listeners = response?.listenerCount('close');

  // When the client sends more of them.
  for (let i = 0; i < 20; i++) await send('nonsense');
  const listenersThen = response?.listenerCount('close');
  response?.end();
  await closed;
  await late.close();

  // Then the server has noted nothing, and each answer comes once.
  assert.is(listenersThen, listeners);
  assert.equal(received().match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 400']);
});

test('bytes that are not HTTP in a body whose answer has begun end the connection without a second answer', async () => {
  const late = await serveApp((_, response) => void response.writeHead(200, { 'Content-Length': 9 }).write('begun'));
  const { socket, received, closed } = await openRawSocket(
    late.url,
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  await eventually('the begin of the answer', async () => received().endsWith('begun'));
  socket.write('no length\r\n');
  await closed;
  await late.close();
  assert.match(received(), /begun$/);
});

test.after(close);
test.run();
