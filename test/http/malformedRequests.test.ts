import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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

test.after(close);
test.run();
