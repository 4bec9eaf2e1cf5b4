import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { lifeOf } from '../support/couponLife.ts';
import { createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestSystem, settled } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { url, close: closeServer } = await serveApp(createApp(system).callback());
const client = createClient(url);
const test = suite('the routes that read coupons');

const tokens = {
  nobody: undefined,
  owner: await client.enter('ann', 'seller'),
  otherSeller: await client.enter('bea', 'seller'),
  customer: await client.enter('bob', 'customer'),
  otherCustomer: await client.enter('eve', 'customer'),
} as const;
const spring = lifeOf(system, { seller: 'ann', name: 'spring' });
await spring.create(10);
const code = await spring.grab('bob');
await spring.redeem(code);
await settled(system);
const coupon = '/api/users/ann/coupons/spring';
const get = (path: string, token: string | undefined = tokens.owner) =>
  client.send('GET', path, token === undefined ? {} : { token });
const getCsv = (path: string, token: string = tokens.owner, method = 'GET') =>
  fetch(`${url}${path}`, { method, headers: { authorization: token, accept: 'text/csv' } });

// Each route with the status that each user gets: a new route joins with a line.
const access: Record<string, Record<keyof typeof tokens, number>> = {
  [coupon]: { nobody: 401, owner: 200, otherSeller: 200, customer: 200, otherCustomer: 200 },
  [`${coupon}/holders`]: { nobody: 401, owner: 200, otherSeller: 401, customer: 401, otherCustomer: 401 },
  [`${coupon}/history`]: { nobody: 401, owner: 200, otherSeller: 401, customer: 401, otherCustomer: 401 },
  '/api/users/ann/coupons?sort=name': { nobody: 401, owner: 200, otherSeller: 200, customer: 200, otherCustomer: 200 },
  '/api/users/bob/coupons': { nobody: 401, owner: 401, otherSeller: 401, customer: 200, otherCustomer: 401 },
};
for (const [path, statuses] of Object.entries(access)) {
  for (const [user, status] of Object.entries(statuses) as [keyof typeof tokens, number][]) {
    test(`GET ${path} by ${user} gets ${status}`, async () => {
      const answer = await get(path, tokens[user] ?? '');

      assert.is(answer.status, status);
      assert.is(answer.body?.errMsg === '', status === 200);
    });
  }
}

test('a customer who is named like the seller of a coupon is not its owner', async () => {
  // The token of a customer; a name is registered once, so only a token of an older user could have it.
  const token = system.tokens.issue('ann', 'customer');

  assert.is((await get(`${coupon}/holders`, token)).status, 401);
});

test('only the seller of a coupon sees its counts', async () => {
  const own = await get(coupon);
  const other = await get(coupon, tokens.customer);

  const shown = {
    name: 'spring',
    stock: 5,
    description: 'spring!',
    amount: 10,
    left: 9,
    status: 'on-sale',
    perCustomer: 1,
  };
  assert.equal(own.body, { errMsg: '', data: { ...shown, grabbed: 1, released: 0, redeemed: 1 } });
  assert.equal(other.body, { errMsg: '', data: shown });
});

for (const part of ['', '/holders', '/history']) {
  test(`a coupon that does not exist gets 404: GET .../none${part}`, async () => {
    const answer = await get(`/api/users/ann/coupons/none${part}`);

    assert.is(answer.status, 404);
    assert.equal(answer.body, { errMsg: 'No such coupon.' });
  });
}

const refused: [query: string, errMsg: string][] = [
  ['/spring/holders?after=-1', 'Wrong format of after: a whole number from 0.'],
  ['/spring/holders?after=1e3', 'Wrong format of after: a whole number from 0.'],
  ['/spring/holders?after=9007199254740992', 'Wrong format of after: a whole number from 0.'],
  ['/spring/holders?limit=0', 'Wrong format of limit: a whole number from 1 to 1000.'],
  ['/spring/holders?limit=1001', 'Wrong format of limit: a whole number from 1 to 1000.'],
  ['/spring/holders?limit=1&limit=2', 'Wrong format of limit: a whole number from 1 to 1000.'],
  ['/spring/holders?q=a&q=b', 'Wrong format of q.'],
  [`/spring/holders?q=${'x'.repeat(288)}`, 'Field q too long.'],
  ['/spring/history?after=x', 'Wrong format of after: a whole number from 0.'],
  ['/spring/history?limit=x', 'Wrong format of limit: a whole number from 1 to 1000.'],
  ['?status=open', 'Unexpected value of status: one of scheduled, on-sale, paused, sold-out, closed, ended.'],
  ['?sort=price', 'Unexpected value of sort: one of oldest, newest, name, ending.'],
  [`?q=${'x'.repeat(101)}`, 'Field q too long.'],
  ['?sort=name&page=x', 'Wrong format of page.'],
];
for (const [query, errMsg] of refused) {
  test(`GET .../coupons${query.slice(0, 40)} gets 400`, async () => {
    const answer = await get(`/api/users/ann/coupons${query}`);

    assert.is(answer.status, 400);
    assert.equal(answer.body, { errMsg });
  });
}

test('the own list of a customer cannot be searched', async () => {
  const answer = await get('/api/users/bob/coupons?status=closed', tokens.customer);

  assert.is(answer.status, 400);
  assert.equal(answer.body, { errMsg: 'Only the coupons of a seller can be searched and sorted.' });
});

test('an empty parameter counts as an absent one', async () => {
  const plain = await get('/api/users/bob/coupons', tokens.customer);
  const empty = await get('/api/users/bob/coupons?status=&q=&sort=&page=', tokens.customer);
  const holders = await get(`${coupon}/holders?after=&limit=&q=`);

  assert.equal(empty.body, plain.body);
  assert.is(holders.status, 200);
});

test('a search that finds no coupon gets 204', async () => {
  assert.is((await get('/api/users/ann/coupons?status=closed')).status, 204);
});

test('the holders as JSON and as CSV have the same fields', async () => {
  const { body, headers } = await get(`${coupon}/holders`);
  const csv = await getCsv(`${coupon}/holders`);
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(await csv.arrayBuffer());

  const [holder] = (body?.data ?? []) as Record<string, string>[];
  const { version, customer, code, grabbedAt, redeemedAt } = holder ?? {};
  assert.is(headers.get('content-type'), 'application/json; charset=utf-8');
  assert.is(csv.headers.get('content-type'), 'text/csv; charset=utf-8');
  assert.is(
    text,
    `\ufeffversion,customer,code,grabbedAt,redeemedAt\r\n${[version, customer, code, grabbedAt, redeemedAt].join(',')}\r\n`,
  );
  assert.equal([version, customer], [2, 'bob']);
  for (const sent of [headers, csv.headers]) {
    assert.is(sent.get('vary'), 'Accept');
    assert.equal([sent.get('coupon-version'), sent.get('coupon-behind')], ['3', '0']);
  }
});

const accepted: [accept: string, type: string][] = [
  ['*/*', 'application/json'],
  ['text/html, */*;q=0.8', 'application/json'],
  ['text/csv;q=0.5, application/json', 'application/json'],
  ['text/csv', 'text/csv'],
  ['text/csv, application/json;q=0.9', 'text/csv'],
  ['text/*', 'text/csv'],
  ['image/png', 'application/json'],
];
for (const [accept, type] of accepted) {
  test(`the holders with Accept: ${accept} are ${type}`, async () => {
    const answer = await fetch(`${url}${coupon}/holders`, { headers: { authorization: tokens.owner, accept } });

    assert.match(answer.headers.get('content-type') ?? '', type);
    await answer.arrayBuffer();
  });
}

test('a CSV file begins after a version and has the customers whose name begins with a text, whatever the limit', async () => {
  const many = lifeOf(system, { seller: 'ann', name: 'many' });
  await many.create(10);
  for (const name of ['abe', 'bob', 'bo', 'boz']) await many.grab(name);
  await settled(system);

  const csv = await (await getCsv('/api/users/ann/coupons/many/holders?after=2&q=bo&limit=1')).text();

  const customers = csv.trimEnd().split('\r\n').slice(1);
  assert.equal(
    customers.map((line) => line.split(',')[1]),
    ['bob', 'bo', 'boz'],
  );
});

test('the file name of a CSV file has no character that a file system or a header reads as something else', async () => {
  const name = '..\\"con" 券: 50%';
  await lifeOf(system, { seller: 'ann', name }).create(1);

  const answer = await getCsv(`/api/users/ann/coupons/${encodeURIComponent(name)}/holders`);

  await answer.arrayBuffer();
  const disposition = answer.headers.get('content-disposition') ?? '';
  assert.is(
    disposition,
    `attachment; filename="holders of ..__con_ __ 50_.csv"; filename*=UTF-8''holders%20of%20..__con_%20%E5%88%B8_%2050_.csv`,
  );
});

test('HEAD gets the headers of a CSV file alone', async () => {
  const answer = await getCsv(`${coupon}/holders`, tokens.owner, 'HEAD');

  assert.is(answer.status, 200);
  assert.match(answer.headers.get('content-disposition') ?? '', 'holders of spring.csv');
  assert.is(await answer.text(), '');
});

test('given MySQL is away, lists from it get 503, and the routes of the contract answer as before', async () => {
  await system.reads.mysql.destroy();

  for (const path of [`${coupon}/holders`, `${coupon}/history`, '/api/users/ann/coupons?sort=name']) {
    const answer = await get(path);
    assert.is(answer.status, 503);
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    assert.equal(answer.body, { errMsg: 'Service unavailable: MySQL does not answer. Try again.' });
  }
  const csv = await getCsv(`${coupon}/holders`);
  assert.is(csv.status, 503);
  assert.is(csv.headers.get('content-disposition'), null);
  for (const path of [coupon, '/api/users/ann/coupons']) assert.is((await get(path)).status, 200);
  assert.is((await get('/api/users/bob/coupons', tokens.customer)).status, 200);
});

test.after(async () => {
  await closeServer();
  await close();
});
test.run();
