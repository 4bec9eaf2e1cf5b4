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

/** These fields of every row: answers may have more. */
const only = (fields: readonly string[], rows: unknown) =>
  (rows as Record<string, unknown>[]).map((row) => Object.fromEntries(fields.map((field) => [field, row[field]])));

const created: [description: string, json: object][] = [
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
for (const [description, json] of created) {
  test(`a coupon with ${description} is created`, async () => {
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
  test(`creating the coupon ${raw.slice(0, 60)} gets 400 "${errMsg}"`, async () => {
    const answer = await client.send('POST', '/api/users/ann/coupons', { token: ann, raw });

    assert.is(answer.status, 400);
    assert.equal(answer.body, { errMsg });
  });
}

test('a second coupon with the same name is refused for the same seller and created for another seller', async () => {
  assert.is((await client.create(ann, 'ann', { ...good, name: 'spring' })).status, 201);

  const again = await client.create(ann, 'ann', { ...good, name: 'spring' });
  const ofAnotherSeller = await client.create(bea, 'bea', { ...good, name: 'spring' });

  assert.is(again.status, 400);
  assert.equal(again.body, { errMsg: 'Create failed. Maybe (username,coupon name) duplicates' });
  assert.is(ofAnotherSeller.status, 201);
});

test('a user who may not create the coupon gets 401 for a valid and for an invalid body', async () => {
  for (const json of [good, {}]) {
    const byCustomer = await client.create(bob, 'bob', json);
    const forAnother = await client.create(bea, 'ann', json);

    assert.is(byCustomer.status, 401);
    assert.equal(byCustomer.body, { errMsg: 'Only sellers can create coupons.' });
    assert.is(forAnother.status, 401);
    assert.equal(forAnother.body, { errMsg: 'Cannot create coupons for other users.' });
  }
});

test('a won grab gets 201, and every other grab gets 204 with the reason in the header Grab-Outcome', async () => {
  await client.create(ann, 'ann', { ...good, name: 'one 券%3' });
  const grabs: [token: string, name: string, status: number, outcome: string][] = [
    [bob, 'one 券%3', 201, 'grabbed'],
    [bob, 'one 券%3', 204, 'already-grabbed'],
    [eve, 'one 券%3', 204, 'sold-out'],
    [eve, 'One 券%3', 204, 'no-such-coupon'],
    [eve, 'a/b', 204, 'no-such-coupon'],
  ];

  for (const [token, name, status, outcome] of grabs) {
    const answer = await client.grab(token, 'ann', name);

    assert.is(answer.status, status);
    assert.is(answer.headers.get('grab-outcome'), outcome);
    assert.is(answer.body?.errMsg, status === 201 ? '' : undefined);
  }
});

test('a seller who grabs gets 401', async () => {
  const { status, body } = await client.grab(bea, 'ann', 'n1');

  assert.is(status, 401);
  assert.equal(body, { errMsg: "Sellers aren't allowed to get coupons." });
});

test('the body of a grab may be a JSON object or absent; any other body gets 400', async () => {
  const path = '/api/users/ann/coupons/n1';

  assert.is((await client.send('PATCH', path, { token: bob, json: {} })).status, 201);
  assert.is((await client.send('PATCH', path, { token: bob, raw: '' })).status, 204);
  assert.is((await client.send('PATCH', path, { token: bob, raw: 'x' })).status, 400);
});

test('every logged-in user may list the coupons of a seller', async () => {
  const first = { name: 'spring', stock: 5, description: 'd', amount: 1, left: 1 };

  for (const token of [bea, ann, bob]) {
    const { status, body } = await client.list(token, 'bea');

    assert.is(status, 200);
    assert.is(body?.errMsg, '');
    assert.equal(only(Object.keys(first), body?.data), [first]);
  }
});

test("a customer's own list has the coupon, its seller and the time of the grab as soon as the grab is answered", async () => {
  const kim = await client.enter('kim', 'customer');
  assert.is((await client.list(kim, 'kim')).status, 204);
  const before = Date.now();

  await client.grab(kim, 'bea', 'spring');
  const { status, body } = await client.list(kim, 'kim');

  assert.is(status, 200);
  const [first] = (body?.data ?? []) as { grabbedAt: string }[];
  const grabbedAt = first?.grabbedAt ?? '';
  const own = { name: 'spring', stock: 5, description: 'd', seller: 'bea', grabbedAt };
  assert.is(body?.errMsg, '');
  assert.equal(only(Object.keys(own), body?.data), [own]);
  assert.is(new Date(grabbedAt).toISOString(), grabbedAt);
  assert.ok(Date.parse(grabbedAt) >= before && Date.parse(grabbedAt) <= Date.now());
});

test('a customer or a seller who lists the coupons of another customer gets 401', async () => {
  for (const token of [eve, ann]) {
    const { status, body } = await client.list(token, 'bob');

    assert.is(status, 401);
    assert.equal(body, { errMsg: 'Cannot check other customer.', data: [] });
  }
});

test('listing the coupons of an unknown user gets 400', async () => {
  const { status, body } = await client.list(bob, 'Bea');

  assert.is(status, 400);
  assert.equal(body, { errMsg: 'Record not found.' });
});

for (const page of ['', '?page=', '?page=0', '?page=-5', '?page=1', '?other=x']) {
  test(`a list with ${page ? `the query ${page}` : 'no query'} is the first page`, async () => {
    assert.is((await client.list(bob, 'bea', page)).status, 200);
  });
}

for (const page of ['x', '1.5', '1e3', '0x1', '%201', '9007199254740992', '1&page=2']) {
  test(`a list with page=${page} gets 400`, async () => {
    const { status, body } = await client.list(bob, 'bea', `?page=${page}`);

    assert.is(status, 400);
    assert.equal(body, { errMsg: 'Wrong format of page.' });
  });
}

for (const page of ['2', '9007199254740991']) {
  test(`page ${page}, which has no coupons, gets 204`, async () => {
    const { status, body } = await client.list(bob, 'bea', `?page=${page}`);

    assert.is(status, 204);
    assert.is(body, undefined);
  });
}

test.after(close);
test.run();
