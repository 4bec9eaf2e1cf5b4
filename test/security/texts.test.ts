import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { codeTexts, unicodeTexts } from '../support/hostileTexts.ts';
import { type Answer, createClient } from '../support/httpClient.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem, settled } from '../support/testSystem.ts';

// Texts that mean something to SQL, Lua, RESP, HTTP or a terminal, and texts that look like others: in every string field, each is
// stored and returned as it is, or refused.

const { system, config, close } = await openTestSystem();
const server = await serveApp(createApp(system).callback());
const { send, register, create, grab, list, enter } = createClient(server.url);
const ann = await enter('ann', 'seller');
const bob = await enter('bob', 'customer');
const eve = await enter('eve', 'customer');
await create(ann, 'ann', { name: 'canary', amount: 9, stock: 5, description: 'still here' });

const test = suite('attack: texts with a meaning elsewhere');
const texts = [...codeTexts, ...unicodeTexts];
const shown = (text: string) =>
  JSON.stringify(text).replace(/[^\x20-\x7e]/g, (one) => `\\u${one.charCodeAt(0).toString(16)}`);
/** The names of the coupons in a list. */
const namesIn = ({ body }: Answer) => ((body?.data ?? []) as { name: string }[]).map(({ name }) => name);
const logIn = (password: string, username: string) => send('POST', '/api/auth', { json: { username, password } });

for (const text of texts) {
  test(`username ${shown(text)}: the same user after a log-in, or refused`, async () => {
    const { status, body } = await register(text, 'seller');
    if (status === 400) return assert.match(String(body?.errMsg), /^User name|^Insert user failed/);
    assert.is(status, 201);
    const { headers } = await logIn('secret', text);
    const token = headers.get('authorization') ?? '';
    // Clients resolve a path with this name to another path before they send it.
    if (text === '..') return;
    assert.is((await create(token, text, { name: 'own', amount: 1, stock: 1 })).status, 201);
    const [row] = await system
      .mysql('users')
      .where({ username: Buffer.from(text) })
      .select('username');
    assert.is(String(row?.username), text);
    assert.is((await list(token, text)).status, 200);
  });

  test(`password ${shown(text)}: opens the account as it is and in no other form`, async () => {
    const password = `secret${text}`;
    const username = `user-${texts.indexOf(text)}`;
    if ((await register(username, 'customer', password)).status === 400) return;
    assert.is((await logIn(password, username)).status, 200);
    // The server prepares passwords as RFC 8265 says, so these are the same in every form of Unicode and with every space.
    const prepared = (one: string) => one.replace(/\p{Zs}/gu, ' ').normalize('NFC');
    const others = [password.normalize('NFKC'), password.toWellFormed(), password.trim(), password.toUpperCase()];
    others.push(password.replace(/\0.*/s, ''), password.replace(/[\u200b-\u200f\u202e\ufeff]/g, ''));
    for (const other of new Set(others))
      if (prepared(other) !== prepared(password)) assert.is((await logIn(other, username)).status, 401, shown(other));
  });

  test(`coupon name ${shown(text)}: stored and returned as it is, or refused`, async () => {
    const { status, body } = await create(ann, 'ann', { name: text, amount: 2, stock: 5, description: 'd' });
    if (status === 400) return assert.match(String(body?.errMsg), /^Coupon name/);
    assert.is(status, 201);
    // A URL with these names is another path for every client.
    if (text === '.' || text === '..') return;
    const path = `/api/users/ann/coupons/${encodeURIComponent(text)}`;
    assert.is(Object((await send('GET', path, { token: bob })).body?.data).name, text);
    assert.is((await grab(bob, 'ann', text)).status, 201);
    assert.ok(namesIn(await list(bob, 'bob')).includes(text));
    await settled(system);
    const search = await list(ann, 'ann', `?q=${encodeURIComponent(text)}&sort=name`);
    assert.ok(namesIn(search).every((name) => name.startsWith(text)));
    assert.ok(namesIn(search).includes(text));
    assert.is((await send('GET', `${path}/holders`, { token: ann })).status, 200);
    // A page has 20 coupons: bob gives each piece back, so that the next one is on his first page.
    const released = await send('DELETE', `/api/users/bob/coupons/ann/${encodeURIComponent(text)}`, { token: bob });
    assert.is(released.status, 200);
  });

  test(`description ${shown(text)}: stored and returned as it is, or refused`, async () => {
    const description = `${text}-${text}`;
    const name = `described-${texts.indexOf(text)}`;
    const { status } = await create(ann, 'ann', { name, amount: 1, stock: 5, description });
    if (status === 400) return assert.not.ok(description.isWellFormed());
    assert.is(
      Object((await send('GET', `/api/users/ann/coupons/${name}`, { token: bob })).body?.data).description,
      description,
    );
    await settled(system);
    const [row] = await system.mysql('coupons').where({ seller: 'ann', name }).select('description');
    assert.is(row?.description, description);
  });

  test(`idempotency key ${shown(text)}: repeats the answer, or is refused`, async () => {
    const key = Buffer.from(text)
      .toString('latin1')
      .replace(/[^\t\x20-\xff]|\x7f/g, '')
      .trim();
    if (key === '') return;
    const name = `keyed-${texts.indexOf(text)}`;
    await create(ann, 'ann', { name, amount: 2, stock: 5, description: 'd' });
    const first = await grab(eve, 'ann', name, key);
    assert.is(first.status, 201);
    assert.equal((await grab(eve, 'ann', name, key)).body, first.body);
  });

  test(`parts of paths and queries ${shown(text)}: nothing is found, nothing is done`, async () => {
    const part = encodeURIComponent(text.toWellFormed());
    if (part === '' || part === '..') return;
    const expected: [method: string, path: string, token: string, statuses: number[]][] = [
      ['GET', `/api/users/${part}/coupons/nowhere`, bob, [404]],
      ['PATCH', `/api/users/${part}/coupons/nowhere`, bob, [204]],
      ['PATCH', `/api/users/ann/coupons/nowhere-${part}`, bob, [204]],
      ['POST', `/api/users/${part}/coupons/nowhere/pause`, ann, [401]],
      ['POST', `/api/users/ann/coupons/nowhere-${part}/pause`, ann, [404]],
      ['DELETE', `/api/users/ann/redemptions/${part}`, ann, [400]],
      ['DELETE', `/api/users/bob/coupons/ann/canary?code=${part}`, bob, [400]],
      ['GET', `/api/users/ann/coupons?page=${part}`, bob, [400]],
      ['GET', `/api/users/ann/coupons?sort=${part}`, bob, [400]],
      ['GET', `/api/users/ann/coupons?q=nowhere-${part}`, bob, [204]],
      ['GET', `/api/users/ann/coupons/canary/holders?q=${part}`, ann, [200]],
      ['GET', `/api/users/ann/coupons/canary/history?after=${part}`, ann, [400]],
      ['GET', `/api/users/ann/coupons/canary/history?limit=${part}`, ann, [400]],
      ['GET', `/api/live?seller=nobody-${part}`, bob, [400]],
      ['GET', `/docs/${part}`, bob, [404]],
    ];
    for (const [method, path, token, statuses] of expected) {
      const { status } = await send(method, path, { token });
      assert.ok(statuses.includes(status), `${method} ${path}: ${status}`);
    }
    const redemption = await send('POST', '/api/users/ann/redemptions', { token: ann, json: { code: text } });
    assert.is(redemption.status, 400);
  });
}

test('after all of this no table and no key is lost, and Redis, MySQL and the log agree', async () => {
  const { body } = await send('GET', '/api/users/ann/coupons/canary', { token: ann });
  assert.equal([Object(body?.data).left, Object(body?.data).description], [9, 'still here']);
  await settled(system);
  const stores = { REDIS_URL: config.redisUrl, MYSQL_URL: config.mysqlUrl };
  const { status, stdout } = await startProgram('src/tools/verify.ts', stores).ended;
  assert.is(status, 0, stdout);
});

test.after(async () => {
  await endPrograms();
  await server.close();
  await close();
});
test.run();
