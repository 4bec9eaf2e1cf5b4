import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { rawAnswers } from '../support/rawHttp.ts';
import { openTestServer } from '../support/testServer.ts';

// Node keeps only the first of two headers Authorization, while a proxy may have checked the second one.

const { client, url, close } = await openTestServer();
const annsToken = await client.enter('ann', 'seller');
const bob = await client.enter('bob', 'customer');
const test = suite('two headers Authorization');

/** The answer to a request with these headers `Authorization`, each on a line of its own. */
const send = (method: string, path: string, Authorization: string[]) =>
  new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    request(`${url}${path}`, { method, headers: { Authorization } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    })
      .on('error', reject)
      .end();
  });
const notAuthorized = { status: 401, text: '{"errMsg":"Not Authorized."}' };
const tokenReaders: [method: string, path: string][] = [
  ['GET', '/api/users/bob/coupons'],
  ['GET', '/api/users/bob/coupons?page=1&sort=newest'],
  ['PATCH', '/api/users/ann/coupons/x'],
  ['PATCH', '/api/users/ann/coupons/x?a=1'],
  ['POST', '/api/auth/logout'],
];
for (const [method, path] of tokenReaders) {
  test(`${method} ${path} with two headers Authorization gets 401, also when both have the same valid token`, async () => {
    for (const other of [bob, `Bearer ${bob}`, annsToken, 'x', ''])
      for (const both of [
        [bob, other],
        [other, bob],
      ])
        assert.equal(await send(method, path, both), notAuthorized);
  });
}

for (const [name, expected] of [
  ['Authorization', 401],
  ['Host', 400],
] as const)
  test(`a second header ${name} behind 1,500 others is seen too`, async () => {
    const first = `Host: x\r\nAuthorization: ${bob}\r\nConnection: close\r\n`;
    const second = `${name}: ${name === 'Host' ? 'x' : bob}\r\n`;
    const send = (more: string) => rawAnswers(url, `GET /api/users/bob/coupons HTTP/1.1\r\n${first}${more}\r\n`);
    const statuses = (answers: { status: number }[]) => answers.map(({ status }) => status);
    assert.equal(statuses(await send('a:\r\n'.repeat(1_500))), [204]);
    assert.equal(statuses(await send('a:\r\n'.repeat(1_500) + second)), [expected]);
  });

test('a token that came twice in one request is not revoked by its log-out and stays valid', async () => {
  assert.equal(await send('POST', '/api/auth/logout', [bob, bob]), notAuthorized);
  assert.is((await send('GET', '/api/users/bob/coupons', [bob])).status, 204);
});

test.after(close);
test.run();
