import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestServer } from '../support/testServer.ts';

const { client, close } = await openTestServer();
const test = suite('the contract: coupons');
const ann = await client.enter('ann', 'seller');
const bea = await client.enter('bea', 'seller');
const bob = await client.enter('bob', 'customer');
const eve = await client.enter('eve', 'customer');
const good = { name: 'x', amount: 1, stock: 5, description: 'd' };

const created: [what: string, json: object][] = [
  ['numbers', { name: 'n1', amount: 20, stock: 5, description: 'd' }],
  ['numbers as strings', { name: 'n2', amount: '20', stock: '0', description: 'd' }],
  ['an empty description', { name: 'n3', amount: 1, stock: 5, description: '' }],
  ['no description', { name: 'n4', amount: 1, stock: 5 }],
  ['the largest numbers', { name: 'n5', amount: 2 ** 53 - 1, stock: '9007199254740991' }],
  ['capital keys', { Name: 'n6', Amount: 1, Stock: 5, Description: 'd' }],
  ['a name with a space and a percent sign', { ...good, name: '优惠 券%3' }],
  ['a name of 100 characters', { ...good, name: '券'.repeat(100) }],
  ['a name of emoji', { ...good, name: '👨‍👩‍👧 {family}' }],
];
for (const [what, json] of created) {
  test(`a coupon with ${what} is created`, async () => {
    const { status, body } = await client.create(ann, 'ann', json);
    assert.is(status, 201);
    assert.equal(body, { errMsg: '' });
  });
}

const amount = 'Amount field wrong format.';
const stock = 'Stock field wrong format.';
const refused: [raw: string, errMsg: string][] = [
  ['{"amount":0,"stock":-1}', 'Coupon name or description should not be empty.'],
  ['{"name":"","amount":1,"stock":5,"description":"d"}', 'Coupon name or description should not be empty.'],
  ['{"name":" x","amount":1,"stock":5}', 'Coupon name has unsupported characters.'],
  ['{"name":"x ","amount":1,"stock":5}', 'Coupon name has unsupported characters.'],
  ['{"name":"a/b","amount":1,"stock":5}', 'Coupon name has unsupported characters.'],
  ['{"name":"a\\nb","amount":1,"stock":5}', 'Coupon name has unsupported characters.'],
  ['{"name":"a\\u202eb","amount":1,"stock":5}', 'Coupon name has unsupported characters.'],
  [`{"name":"${'x'.repeat(101)}","amount":1,"stock":5}`, 'Coupon name too long.'],
  ['{"name":"x","amount":0,"stock":-1}', amount],
  ['{"name":"x","stock":5}', amount],
  ...[
    '0',
    '-1',
    '1.5',
    '1e3',
    '1.0',
    '9007199254740992',
    '"1e3"',
    '"0x10"',
    '" 20"',
    '"20 "',
    '"20.5"',
    '"-1"',
    '"+1"',
    '""',
    '"NaN"',
    '"9007199254740992"',
    'null',
    'true',
    '[1]',
    '{}',
  ].map((value): [string, string] => [`{"name":"x","amount":${value},"stock":5}`, amount]),
  ...['-1', '1.5', '"1e3"', '""', 'null'].map((value): [string, string] => [
    `{"name":"x","amount":1,"stock":${value}}`,
    stock,
  ]),
  ['{"name":"x","amount":1}', stock],
];
for (const [raw, errMsg] of refused) {
  test(`creating ${raw.slice(0, 60)}: ${errMsg}`, async () => {
    const answer = await client.send('POST', '/api/users/ann/coupons', { token: ann, raw });
    assert.is(answer.status, 400);
    assert.equal(answer.body, { errMsg });
  });
}

test('a second coupon of the name is refused, one of another seller is not', async () => {
  assert.is((await client.create(ann, 'ann', { ...good, name: 'spring' })).status, 201);
  const again = await client.create(ann, 'ann', { ...good, name: 'spring' });
  assert.is(again.status, 400);
  assert.equal(again.body, { errMsg: 'Create failed. Maybe (username,coupon name) duplicates' });
  assert.is((await client.create(bea, 'bea', { ...good, name: 'spring' })).status, 201);
});

test('who may not create hears 401, whatever the body is like', async () => {
  for (const json of [good, {}]) {
    const byCustomer = await client.create(bob, 'bob', json);
    assert.is(byCustomer.status, 401);
    assert.equal(byCustomer.body, { errMsg: 'Only sellers can create coupons.' });
    const forAnother = await client.create(bea, 'ann', json);
    assert.is(forAnother.status, 401);
    assert.equal(forAnother.body, { errMsg: 'Cannot create coupons for other users.' });
  }
});

test('a win is a 201, and every way not to win a 204 that says why', async () => {
  await client.create(ann, 'ann', { ...good, name: 'one 券%3' });
  const tries: [token: string, name: string, status: number, outcome: string][] = [
    [bob, 'one 券%3', 201, 'grabbed'],
    [bob, 'one 券%3', 204, 'already-grabbed'],
    [eve, 'one 券%3', 204, 'sold-out'],
    [eve, 'One 券%3', 204, 'no-such-coupon'],
    [eve, 'a/b', 204, 'no-such-coupon'],
  ];
  for (const [token, name, status, outcome] of tries) {
    const answer = await client.grab(token, 'ann', name);
    assert.is(answer.status, status);
    assert.is(answer.headers.get('grab-outcome'), outcome);
    assert.equal(answer.body, status === 201 ? { errMsg: '' } : undefined);
  }
});

test('a seller is not allowed to grab', async () => {
  const { status, body } = await client.grab(bea, 'ann', 'n1');
  assert.is(status, 401);
  assert.equal(body, { errMsg: "Sellers aren't allowed to get coupons." });
});

test('a grab may come with a JSON object or nothing, and with nothing else', async () => {
  const path = '/api/users/ann/coupons/n1';
  assert.is((await client.send('PATCH', path, { token: bob, json: {} })).status, 201);
  assert.is((await client.send('PATCH', path, { token: bob, raw: '' })).status, 204);
  assert.is((await client.send('PATCH', path, { token: bob, raw: 'x' })).status, 400);
});

test("anyone who is logged in may look at a seller's coupons", async () => {
  const first = { name: 'spring', stock: 5, description: 'd', amount: 1, left: 1 };
  for (const token of [bea, ann, bob]) {
    const { status, body } = await client.list(token, 'bea');
    assert.is(status, 200);
    assert.equal(body, { errMsg: '', data: [first] });
  }
});

test("a customer's own list has what was grabbed, the last grab at once", async () => {
  const kim = await client.enter('kim', 'customer');
  assert.is((await client.list(kim, 'kim')).status, 204);
  await client.grab(kim, 'bea', 'spring');
  const { status, body } = await client.list(kim, 'kim');
  assert.is(status, 200);
  assert.equal(body, { errMsg: '', data: [{ name: 'spring', stock: 5, description: 'd' }] });
});

test("another customer's list is a 401, for sellers as well", async () => {
  for (const token of [eve, ann]) {
    const { status, body } = await client.list(token, 'bob');
    assert.is(status, 401);
    assert.equal(body, { errMsg: 'Cannot check other customer.', data: [] });
  }
});

test('an unknown user is a 400', async () => {
  const { status, body } = await client.list(bob, 'Bea');
  assert.is(status, 400);
  assert.equal(body, { errMsg: 'Record not found.' });
});

for (const page of ['', '?page=', '?page=0', '?page=-5', '?page=1', '?other=x']) {
  test(`${page || 'no page'} is the first page`, async () => {
    assert.is((await client.list(bob, 'bea', page)).status, 200);
  });
}

for (const page of ['x', '1.5', '1e3', '0x1', '%201', '9007199254740992', '1&page=2']) {
  test(`page=${page} is a 400`, async () => {
    const { status, body } = await client.list(bob, 'bea', `?page=${page}`);
    assert.is(status, 400);
    assert.equal(body, { errMsg: 'Wrong format of page.' });
  });
}

for (const page of ['2', '9007199254740991']) {
  test(`page ${page}, which holds nothing, is a 204`, async () => {
    const { status, body } = await client.list(bob, 'bea', `?page=${page}`);
    assert.is(status, 204);
    assert.is(body, undefined);
  });
}

test.after(close);
test.run();
