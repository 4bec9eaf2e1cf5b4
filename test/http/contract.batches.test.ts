import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openTestServer } from '../support/testServer.ts';

const { client, close } = await openTestServer();
const test = suite('the contract: several coupons at once');
const ann = await client.enter('ann', 'seller');
const bea = await client.enter('bea', 'seller');
const bob = await client.enter('bob', 'customer');
const good = (name: string) => ({ name, amount: 1, stock: 5, description: 'd' });
const several = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => good(`${prefix} ${i}`));
/** When ann sends this body: an array of coupons. */
const create = (json: unknown, key?: string) =>
  client.send('POST', '/api/users/ann/coupons', { token: ann, json, ...(key === undefined ? {} : { key }) });
const created = { status: 201, body: { errMsg: '' } };
const statusAndBody = async (...request: Parameters<typeof create>) => {
  const { status, body } = await create(...request);
  return { status, body };
};

async function namesOf(prefix: string): Promise<string[]> {
  const names: string[] = [];
  for (let page = 1; ; page++) {
    const { status, body } = await client.list(ann, 'ann', `?page=${page}`);
    if (status === 204) return names.filter((name) => name.startsWith(prefix));
    names.push(...((body?.data ?? []) as { name: string }[]).map(({ name }) => name));
  }
}

for (const count of [1, 2, 100])
  test(`an array of ${count} coupons creates them all, in the order of the array`, async () => {
    const coupons = several(`array of ${count}`, count);

    assert.equal(await statusAndBody(coupons), created);

    assert.equal(
      await namesOf(`array of ${count}`),
      coupons.map(({ name }) => name),
    );
  });

test('the coupons of an array may have capital keys, numbers as strings, a window and a limit', async () => {
  const times = { StartsAt: '2026-01-01T00:00:00Z', ENDSAT: '2027-01-01T00:00:00Z', perCUSTOMER: '3' };

  assert.equal(await statusAndBody([{ Name: 'keys 1', Amount: '20', STOCK: '0', ...times }, good('keys 2')]), created);

  const { body } = await client.send('GET', '/api/users/ann/coupons/keys%201', { token: ann });
  assert.is((body?.data as Record<string, unknown> | undefined)?.startsAt, '2026-01-01T00:00:00.000Z');
});

const duplicate = 'Create failed. Maybe (username,coupon name) duplicates';
const refused: [description: string, elements: unknown[], errMsg: string, place: number][] = [
  ['an empty name', [good('a'), good(''), good('b')], 'Coupon name or description should not be empty.', 1],
  ['no amount', [{ name: 'a', stock: 5 }], 'Amount field wrong format.', 0],
  [
    'a wrong amount in the last coupon',
    [good('a'), good('b'), { ...good('c'), amount: 0 }],
    'Amount field wrong format.',
    2,
  ],
  [
    'amount and stock wrong in one coupon',
    [good('a'), { ...good('c'), amount: 0, stock: -1 }],
    'Amount field wrong format.',
    1,
  ],
  [
    'stock wrong before an amount',
    [
      { ...good('a'), stock: -1 },
      { ...good('b'), amount: 0 },
    ],
    'Stock field wrong format.',
    0,
  ],
  ['a number', [good('a'), 7], 'Only receive JSON format.', 1],
  ['null', [null, good('a')], 'Only receive JSON format.', 0],
  ['an array in the array', [good('a'), [good('b')]], 'Only receive JSON format.', 1],
  ['two keys that differ in case', [good('a'), { ...good('b'), NAME: 'c' }], 'Two fields have the same name.', 1],
  [
    'an empty window',
    [good('a'), { ...good('b'), startsAt: 2_000, endsAt: 1_000 }],
    'EndsAt should be after startsAt.',
    1,
  ],
  ['a name that is taken', [good('a'), good('taken'), good('taken 2')], duplicate, 1],
  ['two names that are taken', [good('taken 2'), good('a'), good('taken')], duplicate, 0],
  ['two equal names', [good('a'), good('b'), good('a')], duplicate, 2],
  [
    'a wrong field after a name that is taken',
    [good('taken'), { ...good('a'), amount: 0 }],
    'Amount field wrong format.',
    1,
  ],
];
for (const [number, [description, elements, errMsg, place]] of refused.entries())
  test(`given ${description}, the answer is 400 "${errMsg}" with the place ${place}, and no coupon is created`, async () => {
    const prefix = `refused ${number}`;
    const rename = (name: string) => (name === '' ? '' : `${prefix} ${name}`);
    await create([good(rename('taken')), good(rename('taken 2'))]);
    const renamed = elements.map((element) => {
      const { name } = (element ?? {}) as { name?: string };
      return name === undefined ? element : { ...(element as object), name: rename(name) };
    });

    assert.equal(await statusAndBody(renamed), { status: 400, body: { errMsg, place } });

    assert.equal(await namesOf(prefix), [rename('taken'), rename('taken 2')]);
  });

for (const count of [0, 101])
  test(`an array of ${count} coupons gets 400 without a place`, async () => {
    const answer = await statusAndBody(several('number', count));

    assert.equal(answer, { status: 400, body: { errMsg: 'Create 1 to 100 coupons at once.' } });
    assert.equal(await namesOf('number'), []);
  });

test('an array may have 256 KiB, and an object 16 KiB', async () => {
  const long = { ...good('long'), description: 'x'.repeat(20_000) };
  const raw = (text: string) => client.send('POST', '/api/users/ann/coupons', { token: ann, raw: text });

  assert.is((await raw(JSON.stringify(long))).status, 413);
  assert.is((await raw(`${' '.repeat(17_000)}${JSON.stringify(good('spaces'))}`)).status, 413);
  assert.is(
    (
      await raw(
        JSON.stringify(several('long', 14).map((coupon) => ({ ...long, ...coupon, description: long.description }))),
      )
    ).status,
    413,
  );
  assert.is((await raw(` \n[${' '.repeat(20_000)}${JSON.stringify(good('long'))}]`)).status, 201);
});

test('an array gets 401 from a user who may not create the coupons', async () => {
  const path = '/api/users/ann/coupons';

  assert.is((await client.send('POST', path, { token: bea, json: several('x', 2) })).status, 401);
  assert.is((await client.send('POST', path, { token: bob, json: [] })).status, 401);
});

test('the other routes accept no array', async () => {
  for (const path of ['/api/users', '/api/auth', '/api/users/ann/redemptions'])
    assert.equal(
      (await client.send('POST', path, { token: ann, json: [{}] })).body?.errMsg,
      'Only receive JSON format.',
      path,
    );
});

test('a repeat with the same Idempotency-Key gets 201 again; other coupons with this key get 422', async () => {
  const coupons = several('key', 3);

  for (let tries = 0; tries < 3; tries++) assert.equal(await statusAndBody(coupons, 'k'), created);

  assert.equal(await statusAndBody(several('key', 4), 'k'), {
    status: 422,
    body: { errMsg: 'The Idempotency-Key belongs to another request.' },
  });
  assert.is((await create(good('key 0'), 'k')).status, 422);
  assert.equal(await statusAndBody(coupons), { status: 400, body: { errMsg: duplicate, place: 0 } });
});

test.after(close);
test.run();
