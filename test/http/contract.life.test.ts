import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newCode } from '../../src/coupon/code.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { openTestServer } from '../support/testServer.ts';
import { settled } from '../support/testSystem.ts';

// The life of a coupon, as REST clients see it.

const { client, config, close } = await openTestServer();
const { system, close: closeSystem } = await openSystem(config, createLog('silent'));
const test = suite('the life of a coupon over HTTP');
const ann = await client.enter('ann', 'seller');
const bea = await client.enter('bea', 'seller');
const bob = await client.enter('bob', 'customer');
const eve = await client.enter('eve', 'customer');

const pathOf = (name: string) => `/api/users/ann/coupons/${encodeURIComponent(name)}`;
const given = async (name: string, terms: object = {}) => {
  const { status, body } = await client.create(ann, 'ann', { name, amount: 2, stock: 5, description: 'd', ...terms });
  assert.is(status, 201, JSON.stringify(body));
};
const outcomeOf = async (token: string, name: string, key?: string) => {
  const { status, headers } = await client.grab(token, 'ann', name, key);
  return `${status} ${headers.get('grab-outcome')}`;
};
const codeOf = async (token: string, name: string, key?: string) =>
  String((await client.grab(token, 'ann', name, key)).body?.code);
const change = (name: string, what: string, json?: object, token = ann, key?: string) =>
  client.send('POST', `${pathOf(name)}/${what}`, { token, json, ...(key === undefined ? {} : { key }) });
const redeem = (code: string, token = ann, key?: string) =>
  client.send('POST', '/api/users/ann/redemptions', { token, json: { code }, ...(key === undefined ? {} : { key }) });
const undo = (code: string, token = ann) => client.send('DELETE', `/api/users/ann/redemptions/${code}`, { token });
const release = (token: string, customer: string, name: string, code = '', key?: string) =>
  client.send('DELETE', `/api/users/${customer}/coupons/ann/${encodeURIComponent(name)}${code && `?code=${code}`}`, {
    token,
    ...(key === undefined ? {} : { key }),
  });
const data = (answer: { body: Record<string, unknown> | undefined }) => answer.body?.data as Record<string, unknown>;
const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

test('before its window a sale answers not-started with the whole seconds until then, after it ended', async () => {
  const startsAt = Date.now() + 100_000;
  await given('early', { startsAt });
  await given('late', { startsAt: inSeconds(-100), endsAt: inSeconds(-50) });

  const early = await client.grab(bob, 'ann', 'early');
  const secondsLeft = Math.floor((startsAt - Date.now()) / 1_000);

  assert.is(early.status, 204);
  assert.is(early.headers.get('grab-outcome'), 'not-started');
  const retryAfter = String(early.headers.get('retry-after'));
  assert.match(retryAfter, /^\d+$/);
  assert.ok(Number(retryAfter) >= secondsLeft && Number(retryAfter) <= 100, retryAfter);
  assert.is(await outcomeOf(bob, 'late'), '204 ended');
});

test('a customer who waits as long as Retry-After says gets a piece', async () => {
  // Long enough for the creation and the first grab on a busy machine.
  await given('soon', { startsAt: inSeconds(3.2) });
  const first = await client.grab(bob, 'ann', 'soon');
  assert.is(first.headers.get('grab-outcome'), 'not-started');

  await new Promise((resolve) => setTimeout(resolve, Number(first.headers.get('retry-after')) * 1_000));

  assert.is(await outcomeOf(bob, 'soon'), '201 grabbed');
});

test('a seller who grabs gets 401, also from a process that has just refused grabs of the coupon', async () => {
  await given('paused for all');
  await change('paused for all', 'pause');
  assert.is(await outcomeOf(bob, 'paused for all'), '204 paused');

  const answer = await client.grab(bea, 'ann', 'paused for all');

  assert.is(answer.status, 401);
  assert.equal(answer.body, { errMsg: "Sellers aren't allowed to get coupons." });
});

const windows: [what: string, terms: object, status: number, errMsg: string][] = [
  ['milliseconds', { startsAt: 1_800_000_000_000 }, 201, ''],
  ['milliseconds as text', { endsAt: '1800000000000' }, 201, ''],
  ['a time with an offset', { validFrom: '2026-11-27T12:00:00+05:30' }, 201, ''],
  ['null', { startsAt: null, endsAt: null, validFrom: null, validUntil: null, perCustomer: null }, 201, ''],
  ['keys in other cases', { STARTSAT: 1_800_000_000_000, PerCustomer: '3' }, 201, ''],
  ['a time without a zone', { startsAt: '2026-11-27T12:00:00' }, 400, 'StartsAt field wrong format.'],
  ['a day that does not exist', { endsAt: '2026-02-30T12:00:00Z' }, 400, 'EndsAt field wrong format.'],
  ['a word', { validUntil: 'noon' }, 400, 'ValidUntil field wrong format.'],
  ['a negative time', { validFrom: -1 }, 400, 'ValidFrom field wrong format.'],
  ['a time with a fraction', { startsAt: 1.5 }, 400, 'StartsAt field wrong format.'],
  ['a window that ends as it starts', { startsAt: 5, endsAt: 5 }, 400, 'EndsAt should be after startsAt.'],
  ['an empty validity', { validFrom: 6, validUntil: 5 }, 400, 'ValidUntil should be after validFrom.'],
  ['a limit of none', { perCustomer: 0 }, 400, 'PerCustomer field wrong format.'],
  ['a limit over 1,000', { perCustomer: 1_001 }, 400, 'PerCustomer field wrong format.'],
];
for (const [place, [what, terms, status, errMsg]] of windows.entries()) {
  test(`a coupon with ${what} gets ${status}`, async () => {
    const answer = await client.create(ann, 'ann', { name: `window ${place}`, amount: 1, stock: 5, ...terms });

    assert.is(answer.status, status);
    assert.is(answer.body?.errMsg, errMsg);
  });
}

test('with a limit of two, two requests are two pieces, and a third gets already-grabbed', async () => {
  await given('two each', { amount: 5, perCustomer: 2 });

  const codes = [await codeOf(bob, 'two each', 'first'), await codeOf(bob, 'two each', 'second')];

  assert.is(new Set(codes).size, 2);
  assert.is(await codeOf(bob, 'two each', 'first'), codes[0]);
  assert.is(await outcomeOf(bob, 'two each'), '204 already-grabbed');
});

test('a code is printed in three groups, and a retry with the same key gets the same code', async () => {
  await given('coded');

  const code = await codeOf(bob, 'coded', 'key of coded');

  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/);
  assert.is(await codeOf(bob, 'coded', 'key of coded'), code);
});

test('restocked pieces sell, and the answer is the coupon with its counts', async () => {
  await given('more', { amount: 1 });
  await outcomeOf(bob, 'more');
  assert.is(await outcomeOf(eve, 'more'), '204 sold-out');

  const answer = await change('more', 'restock', { amount: 3 });

  assert.is(answer.status, 200);
  const { amount, left, status, grabbed } = data(answer);
  assert.equal({ amount, left, status, grabbed }, { amount: 4, left: 3, status: 'on-sale', grabbed: 1 });
  assert.is(await outcomeOf(eve, 'more'), '201 grabbed');
});

test('a paused coupon refuses grabs until it is resumed, and a closed one for ever', async () => {
  await given('phases');

  assert.is(data(await change('phases', 'pause')).status, 'paused');
  assert.is(await outcomeOf(bob, 'phases'), '204 paused');
  assert.is(data(await change('phases', 'resume')).status, 'on-sale');
  assert.is(await outcomeOf(bob, 'phases'), '201 grabbed');
  assert.is(data(await change('phases', 'close')).status, 'closed');
  assert.is(await outcomeOf(eve, 'phases'), '204 closed');
});

test('new terms change description, face value and windows, and null removes a limit', async () => {
  await given('terms', { endsAt: inSeconds(-1), startsAt: inSeconds(-2) });
  assert.is(await outcomeOf(bob, 'terms'), '204 ended');

  const answer = await change('terms', 'terms', { endsAt: null, description: 'new', stock: 7 });

  const { description, stock, endsAt } = data(answer);
  assert.equal({ description, stock, endsAt }, { description: 'new', stock: 7, endsAt: undefined });
  assert.is(await outcomeOf(bob, 'terms'), '201 grabbed');
});

test('a change in the wrong state gets 409 and a sentence', async () => {
  await given('wrong', { startsAt: inSeconds(10) });
  const refused: [what: string, json: object | undefined, errMsg: string][] = [
    ['resume', undefined, 'The coupon is not paused.'],
    ['restock', { amount: Number.MAX_SAFE_INTEGER }, 'A coupon has at most 9007199254740991 pieces in all.'],
    ['terms', { endsAt: inSeconds(5) }, 'With this change, a window of the coupon would end before it starts.'],
  ];

  for (const [what, json, errMsg] of refused) {
    const { status, body } = await change('wrong', what, json);
    assert.equal({ status, errMsg: body?.errMsg }, { status: 409, errMsg });
  }

  await change('wrong', 'pause');
  assert.is((await change('wrong', 'pause')).body?.errMsg, 'The coupon is paused.');
  await change('wrong', 'close');
  for (const [what, json] of [
    ['pause'],
    ['resume'],
    ['close'],
    ['restock', { amount: 1 }],
    ['terms', { stock: 1 }],
  ] as const) {
    const { status, body } = await change('wrong', what, json);
    assert.equal({ status, errMsg: body?.errMsg }, { status: 409, errMsg: 'The coupon is closed.' });
  }
});

const badChanges: [what: string, json: object, errMsg: string][] = [
  ['restock', {}, 'Amount field wrong format.'],
  ['restock', { amount: 0 }, 'Amount field wrong format.'],
  ['restock', { amount: '1e3' }, 'Amount field wrong format.'],
  ['terms', {}, 'No term to change.'],
  ['terms', { name: 'other' }, 'No term to change.'],
  ['terms', { stock: -1 }, 'Stock field wrong format.'],
  ['terms', { startsAt: 5, endsAt: 4 }, 'EndsAt should be after startsAt.'],
];
for (const [what, json, errMsg] of badChanges) {
  test(`${what} with ${JSON.stringify(json)} gets 400`, async () => {
    const { status, body } = await change('n', what, json);

    assert.equal({ status, body }, { status: 400, body: { errMsg } });
  });
}

test('a change of a coupon that does not exist gets 404', async () => {
  for (const [what, json] of [['pause'], ['restock', { amount: 1 }], ['terms', { stock: 1 }]] as const)
    assert.is((await change('nowhere', what, json)).status, 404);
});

// Each request, by which users it is refused: the next route joins with a line.
const owned: [what: string, send: (token: string) => Promise<{ status: number; body: unknown }>, others: string[]][] = [
  ...['restock', 'pause', 'resume', 'close', 'terms'].map((what): (typeof owned)[number] => [
    what,
    (token) => change('n', what, {}, token),
    [bea, bob],
  ]),
  ['redeem', (token) => redeem(newCode(0), token), [bea, bob]],
  ['undo', (token) => undo(newCode(0), token), [bea, bob]],
  ['give back', (token) => release(token, 'bob', 'n'), [eve, ann]],
];
for (const [what, send, others] of owned) {
  test(`only its owner may ${what}: others and requests without a token get 401`, async () => {
    for (const token of [...others, '']) {
      const { status, body } = await send(token);
      assert.equal({ status, body }, { status: 401, body: { errMsg: 'Not Authorized.' } });
    }
  });
}

test('a code is redeemed once: the answer names coupon, customer and times, and the second attempt says when', async () => {
  await given('till');
  const code = await codeOf(bob, 'till');

  const first = await redeem(code.toLowerCase().replaceAll('-', ' '));
  const second = await redeem(code);

  assert.is(first.status, 200);
  const { coupon, customer, redeemedAt, grabbedAt } = data(first) as Record<string, string>;
  assert.equal({ coupon, customer, code: data(first).code }, { coupon: 'till', customer: 'bob', code });
  assert.ok(Date.parse(String(grabbedAt)) <= Date.parse(String(redeemedAt)));
  assert.is(second.status, 409);
  assert.is(second.body?.redeemedAt, redeemedAt);
});

const withWrongEnd = (code: string) => code.slice(0, -1) + (code.endsWith('Z') ? 'Y' : 'Z');
const badCodes: [what: string, code: () => Promise<string>, status: number][] = [
  ['mistyped', async () => `${(await codeOf(eve, 'bad codes')).slice(0, -1)}*`, 400],
  ['with a wrong check character', async () => withWrongEnd(newCode(1)), 400],
  ['empty', async () => '', 400],
  ['unknown', async () => newCode(1), 404],
];
for (const [what, code, status] of badCodes) {
  test(`a code that is ${what} gets ${status}`, async () => {
    await client.create(ann, 'ann', { name: 'bad codes', amount: 9, stock: 5 });
    assert.is((await redeem(await code())).status, status);
  });
}

test("another seller's code gets 404", async () => {
  await client.create(bea, 'bea', { name: 'hers', amount: 1, stock: 5 });
  const { body } = await client.grab(bob, 'bea', 'hers');

  assert.is((await redeem(String(body?.code))).status, 404);
});

test('a code is redeemed within its validity alone', async () => {
  await given('not yet', { validFrom: inSeconds(100) });
  await given('no longer', { validUntil: inSeconds(-1) });

  assert.is((await redeem(await codeOf(bob, 'not yet'))).body?.errMsg, 'The code is not valid yet.');
  assert.is((await redeem(await codeOf(bob, 'no longer'))).body?.errMsg, 'The code is no longer valid.');
});

test('the codes of a closed coupon stay good, and an undone redemption can be repeated', async () => {
  await given('closed till');
  const code = await codeOf(bob, 'closed till');
  await change('closed till', 'close');

  assert.is((await redeem(code)).status, 200);
  assert.is((await undo(code)).status, 200);
  assert.is((await undo(code)).status, 409);
  assert.is((await redeem(code)).status, 200);
});

test('of 100 concurrent attempts with one code exactly one succeeds', async () => {
  await given('crowded till');
  const code = await codeOf(bob, 'crowded till');

  const answers = await Promise.all(Array.from({ length: 100 }, () => redeem(code)));

  assert.is(answers.filter(({ status }) => status === 200).length, 1);
  assert.is(answers.filter(({ status }) => status === 409).length, 99);
});

test('with one idempotency key, all of 50 concurrent redemptions get the same 200, and there is one event', async () => {
  await given('keyed till');
  const code = await codeOf(bob, 'keyed till');

  const answers = await Promise.all(Array.from({ length: 50 }, () => redeem(code, ann, 'one redemption')));

  assert.equal(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.is(new Set(answers.map((answer) => data(answer).redeemedAt)).size, 1);
  await settled(system);
  const events = await system.mysql('event_log').where({ seller: 'ann', name: 'keyed till', type: 'CouponRedeemed' });
  assert.is(events.length, 1);
});

test('a piece that is given back can be grabbed again once, and its old code is dead', async () => {
  await given('returned', { amount: 1 });
  const old = await codeOf(bob, 'returned');
  assert.is(await outcomeOf(eve, 'returned'), '204 sold-out');

  assert.is((await release(bob, 'bob', 'returned')).status, 200);

  const fresh = await codeOf(eve, 'returned');
  assert.is.not(fresh, old);
  assert.is(await outcomeOf(bob, 'returned'), '204 sold-out');
  assert.is((await redeem(old)).status, 404);
  assert.is((await redeem(fresh)).status, 200);
  assert.is((await release(bob, 'bob', 'returned')).status, 404);
  assert.is((await release(eve, 'eve', 'returned')).status, 409);
  assert.not(JSON.stringify((await client.list(bob, 'bob')).body).includes('"returned"'));
});

test('with several pieces, giving back needs the code', async () => {
  await given('several', { perCustomer: 2 });
  const codes = [await codeOf(bob, 'several', 'p1'), await codeOf(bob, 'several', 'p2')];

  assert.is((await release(bob, 'bob', 'several')).status, 409);
  assert.is((await release(bob, 'bob', 'several', codes[0])).status, 200);
  assert.is((await release(bob, 'bob', 'several', codes[0])).status, 404);
  assert.is((await release(bob, 'bob', 'several')).status, 200);
});

test('the key of a grab gets its 201 and its code again after the piece was given back, and takes no second piece', async () => {
  await given('late retry', { amount: 1 });
  const code = await codeOf(bob, 'late retry', 'k of late retry');
  await release(bob, 'bob', 'late retry');

  assert.is(await codeOf(bob, 'late retry', 'k of late retry'), code);

  assert.is(await outcomeOf(eve, 'late retry'), '201 grabbed');
});

test('one key changes a coupon once, and another request with the key gets 422', async () => {
  await given('keyed', { amount: 1 });

  for (let i = 0; i < 3; i++) assert.is((await change('keyed', 'restock', { amount: 4 }, ann, 'r1')).status, 200);

  assert.is(data(await change('keyed', 'restock', { amount: 4 }, ann, 'r1')).amount, 5);
  assert.is((await change('keyed', 'restock', { amount: 5 }, ann, 'r1')).status, 422);
  assert.is((await change('keyed', 'pause', undefined, ann, 'r1')).status, 422);
});

test('a refused change is refused again with its key, and passing refusals of a grab leave the key free', async () => {
  await given('keyed refusals');
  assert.is((await change('keyed refusals', 'resume', undefined, ann, 'early resume')).status, 409);
  await change('keyed refusals', 'pause');
  assert.is(await outcomeOf(bob, 'keyed refusals', 'my grab'), '204 paused');

  assert.is((await change('keyed refusals', 'resume', undefined, ann, 'early resume')).status, 409);
  assert.is((await change('keyed refusals', 'resume')).status, 200);

  assert.is(await outcomeOf(bob, 'keyed refusals', 'my grab'), '201 grabbed');
});

test('one key creates one coupon, and gets 201 again', async () => {
  const coupon = { name: 'created once', amount: 2, stock: 5 };
  const create = () => client.send('POST', '/api/users/ann/coupons', { token: ann, json: coupon, key: 'creation' });

  assert.is((await create()).status, 201);
  assert.is((await create()).status, 201);
  assert.is((await client.create(ann, 'ann', coupon)).status, 400);
});

test.after(async () => {
  await closeSystem();
  await close();
});
test.run();
