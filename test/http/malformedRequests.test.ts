import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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
      if (request.complete) response.end(request.url);
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
  });
}

test('bytes that are not HTTP in a body whose answer has begun end the connection without a second answer', async () => {
  const late = await serveApp((_, response) => void response.writeHead(200, { 'Content-Length': 9 }).write('begun'));
  const { socket, received, closed } = await openRawSocket(
    late.url,
    'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n',
  );
  while (!received().endsWith('begun')) await sleep(1);
  socket.write('no length\r\n');
  await closed;
  await late.close();
  assert.match(received(), /begun$/);
});

test.after(close);
test.run();
