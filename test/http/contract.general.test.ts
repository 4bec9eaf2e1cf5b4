import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestServer } from '../support/testServer.ts';

const { client, url, close } = await openTestServer();
const test = suite('the contract: general');
const register = (raw: string, type?: string) => client.send('POST', '/api/users', { raw, ...(type ? { type } : {}) });
const ann = await client.enter('ann', 'seller');

test('a path with a trailing slash is the same path', async () => {
  for (const path of ['/healthz/', '/readyz/', '/api/users/ann/coupons/']) {
    assert.ok((await client.send('GET', path, { token: ann })).status < 300, path);
  }
});

test('keys of a body match in upper and lower case', async () => {
  assert.is((await register('{"Username":"Go","PASSWORD":"secret","kInD":"customer"}')).status, 201);
});

test('a body with two keys that differ only in case gets 400', async () => {
  assert.is((await register('{"username":"x1","Username":"x2","password":"secret","kind":"customer"}')).status, 400);
  assert.is((await register('{"a":1,"A":1,"username":"x3","password":"secret","kind":"customer"}')).status, 400);
});

test('an unknown key has no effect', async () => {
  const raw = '{"username":"more","password":"secret","kind":"customer","__proto__":{"kind":"seller"},"admin":true}';
  assert.is((await register(raw)).status, 201);
});

const notJson: [description: string, raw: string][] = [
  ['a body that is not JSON', 'username=x'],
  ['incomplete JSON', '{"username":"x"'],
  ['an array', '[]'],
  ['a string', '"x"'],
  ['null', 'null'],
  ['an empty body', ''],
  ['16,000 opening brackets', '['.repeat(16_000)],
];
for (const [description, raw] of notJson) {
  test(`${description} gets 400 "Only receive JSON format."`, async () => {
    const { status, body } = await register(raw);

    assert.is(status, 400);
    assert.equal(body, { errMsg: 'Only receive JSON format.' });
  });
}

const hint = 'Send the header Content-Type: application/json.';
const otherTypes: [description: string, raw: string, type: string][] = [
  ['a form', 'username=x', 'application/x-www-form-urlencoded'],
  ['JSON with the content type of text', '{}', 'text/plain'],
  ['JSON in another charset', '{}', 'application/json; charset=utf-16'],
];
for (const [description, raw, type] of otherTypes) {
  test(`${description} gets 400 "Only receive JSON format." and a hint that names the header`, async () => {
    const { status, body } = await register(raw, type);

    assert.is(status, 400);
    assert.equal(body, { errMsg: 'Only receive JSON format.', hint });
  });
}

test('JSON without a content type gets 400 "Only receive JSON format." and a hint that names the header', async () => {
  const response = await fetch(`${url}/api/users`, { method: 'POST', body: Buffer.from('{"username":"x"}') });

  assert.is(response.status, 400);
  assert.equal(await response.json(), { errMsg: 'Only receive JSON format.', hint });
});

test('a body whose bytes are not UTF-8 gets 400', async () => {
  const response = await fetch(`${url}/api/users`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  });
  assert.is(response.status, 400);
});

test('a body over 16 KiB gets 413, and a body of 16 KiB is read', async () => {
  const padded = (bytes: number) => `{"pad":"${'x'.repeat(bytes - 10)}"}`;

  assert.is((await register(padded(16 * 1024 + 1))).status, 413);

  const { status, body } = await register(padded(16 * 1024));
  assert.is(status, 400);
  assert.is(body?.errMsg, 'User name too short.');
});

test('a body in chunks is read', async () => {
  const json = JSON.stringify({ username: 'chunks', password: 'secret', kind: 'customer' });
  const body = new ReadableStream({
    start(controller) {
      for (const part of [json.slice(0, 20), json.slice(20)]) controller.enqueue(Buffer.from(part));
      controller.close();
    },
  });
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half' } as RequestInit;
  assert.is((await fetch(`${url}/api/users`, init)).status, 201);
});

test('a body in chunks over 16 KiB gets 413', async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(Buffer.alloc(20_000, 'x'));
      controller.close();
    },
  });
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half' } as RequestInit;
  assert.is((await fetch(`${url}/api/users`, init)).status, 413);
});

test('an unknown path gets 404 and a wrong method 405, both with errMsg', async () => {
  const missing = await client.send('GET', '/api/nothing');
  const wrong = await client.send('DELETE', '/api/users');

  assert.is(missing.status, 404);
  assert.type(missing.body?.errMsg, 'string');
  assert.is(wrong.status, 405);
  assert.type(wrong.body?.errMsg, 'string');
});

test('a path whose percent-encoding is not UTF-8 gets 400', async () => {
  assert.is((await client.send('PATCH', '/api/users/ann/coupons/%ff', { token: ann })).status, 400);
  assert.is((await client.send('GET', '/api/users/%zz/coupons', { token: ann })).status, 400);
});

test('healthz and readyz get 200', async () => {
  assert.is((await client.send('GET', '/healthz')).status, 200);
  assert.is((await client.send('GET', '/readyz')).status, 200);
});

test('every response with a body is an object with errMsg', async () => {
  for (const path of ['/healthz', '/readyz', '/x', '/api/users/ann/coupons', '/api/users/nobody/coupons']) {
    const { body } = await client.send('GET', path, { token: ann });
    if (body !== undefined) assert.type(body.errMsg, 'string');
  }
});

test.after(close);
test.run();
