import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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

test('a token that came twice in one request is not revoked by its log-out and stays valid', async () => {
  assert.equal(await send('POST', '/api/auth/logout', [bob, bob]), notAuthorized);
  assert.is((await send('GET', '/api/users/bob/coupons', [bob])).status, 204);
});

test.after(close);
test.run();
