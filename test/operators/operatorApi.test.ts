import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createApp } from '../../src/http/app.ts';
import { keys, partitionOf } from '../../src/infra/keys.ts';
import { moveToDeadLetters, type RawEntry } from '../../src/infra/outbox.ts';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { openSystem } from '../../src/system.ts';
import { lifeOf } from '../support/couponLife.ts';
import { createClient } from '../support/httpClient.ts';
import { serveApp } from '../support/serveApp.ts';
import { openTestStores } from '../support/testStores.ts';
import { loggedEvents, settled } from '../support/testSystem.ts';

const token = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const service = 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o';
const {
  config,
  redis: redisServer,
  close: closeStores,
} = await openTestStores({
  OPERATOR_TOKENS: `olga=${token}`,
  SERVICE_TOKENS: `orders=${service}`,
});
const acts: Record<string, unknown>[] = [];
const log = createLog('silent');
log.warn = ((fields: object, text: string) => acts.push({ ...fields, text })) as unknown as typeof log.warn;
const { system, close } = await openSystem(config, log);
const server = await serveApp(createApp(system).callback());
const { send } = createClient(server.url);
const { redis, mysql } = system;
const test = suite('the routes of operators');

const get = async (path: string) => {
  const { status, body } = await send('GET', `/api/operator/${path}`, { token });
  // biome-ignore lint/suspicious/noExplicitAny: the answers are compared with what the tests expect
  return { status, body: body as any };
};
const post = async (path: string, json: object) => {
  const { status, body } = await send('POST', `/api/operator/${path}`, { token, json });
  return [status, body?.errMsg];
};
const until = async (holds: () => Promise<boolean>) => {
  for (const limit = Date.now() + 60_000; !(await holds()); await sleep(50))
    if (Date.now() > limit) throw new Error('it does not happen');
};

/** A grab whose entry has become a dead letter before MySQL has it. */
async function givenDeadLetter(name: string) {
  const life = lifeOf(system, { seller: 'ann', name });
  await life.create(3);
  await settled(system);
  const partition = partitionOf({ seller: 'ann', name });
  const { id = '' } = await redis.hgetall(keys.coupon({ seller: 'ann', name }));
  await redis.hset(keys.coupon({ seller: 'ann', name }), 'version', 2, 'left', 2);
  const fields = { type: 'CouponGrabbed', coupon: id, seller: 'ann', name, version: 2, at: 5, left: 2 };
  const more = { customers: '["bob"]', keys: '["a private key"]', codes: 'ABCDEFGH2345' };
  // Written and moved in one transaction, so that the relay does not find it in between.
  const letters = keys.deadLetters(partition);
  const reason = "insert into `x` values ('a private key') - Duplicate entry 'ABCDEFGH2345' for key 'code'";
  const entry = Object.entries({ entry: '1-1', reason, ...fields, ...more }).flat();
  const letter = await redis.xadd(letters, '*', ...entry.map(String));
  return { partition, id: String(letter), coupon: id };
}

test('the state names the process that answers, and what both stores say', async () => {
  const { status, body } = await get('state');

  assert.is(status, 200);
  const { operator, answeredBy, redis: inRedis, mysql: inMysql, outbox } = body.data;
  assert.is(operator, 'olga');
  assert.is(answeredBy.gate.open, true);
  assert.ok(Date.parse(answeredBy.gate.since) <= Date.now());
  // The tests run in a checkout, or in a copy without one.
  assert.match(answeredBy.revision ?? 'none', /^([\da-f]{40}|none)$/);
  assert.is(answeredBy.reconcile.last.rebuilt, 0);
  assert.is(outbox.limit, config.outboxLimit);
  assert.is(inRedis.error, null);
  assert.is(inRedis.state.reconciled, true);
  assert.is(inRedis.state.partitions.length, 16);
  assert.ok(inRedis.state.partitions.every((one: { fence: boolean }) => one.fence));
  assert.equal(
    inRedis.state.processes.map((one: { id: string }) => one.id),
    [answeredBy.id],
  );
  assert.match(inRedis.state.version, /^(Redis|Valkey) \d/);
  assert.match(inMysql.state.version, /^\d/);
  assert.equal(inMysql.state.migrations.missing, []);
  assert.ok(inMysql.state.migrations.applied > 5);
});

test('every process is shown, whichever answers, and one that has ended is not', async () => {
  const other = await openSystem(config, createLog('silent'));
  const idsOf = async () =>
    (await get('state')).body.data.redis.state.processes.map(({ id }: { id: string }) => id) as string[];
  await until(async () => (await idsOf()).length === 2);
  await other.close();
  await until(async () => (await idsOf()).length === 1);
});

test('a process that has reported nothing for 10 s is shown as silent, and forgotten later', async () => {
  const { answeredBy } = (await get('state')).body.data;
  const { silent, silentMs, ...report } = answeredBy;
  const stored = (id: string, ageMs: number) => ({ ...report, id, at: Date.now() - ageMs });
  await redis.hset(keys.processes, 'frozen', JSON.stringify(stored('frozen', 20_000)));
  await redis.hset(keys.processes, 'dead', JSON.stringify(stored('dead', 700_000)));
  await redis.hset(keys.processes, 'of another version', '{"at":"yesterday"}');
  await sleep(1_100);

  const { processes } = (await get('state')).body.data.redis.state;

  const found = processes.find(({ id }: { id: string }) => id === 'frozen');
  assert.is(found.silent, true);
  assert.is(processes.length, 2);
  assert.is(await redis.hexists(keys.processes, 'dead'), 0);
  await redis.del(keys.processes);
});

test('dead letters are listed with their reason and their events, without codes and idempotency keys', async () => {
  const { partition, id, coupon } = await givenDeadLetter('listed');

  const { body } = await get('dead-letters');

  assert.equal(body.data, [
    {
      partition,
      id,
      reason: "Duplicate entry '[secret]' for key 'code'",
      count: 1,
      events: [{ id: `${coupon}:2`, type: 'CouponGrabbed', coupon: 'ann/listed', customer: 'bob' }],
    },
  ]);
  assert.not.match(JSON.stringify(body), /a private key|ABCDEFGH/);
  await redis.del(keys.deadLetters(partition));
});

test('pages of dead letters have every letter once, in the order of their ids', async () => {
  const names = ['one', 'two', 'three', 'four', 'five'];
  for (const [place, name] of names.entries()) {
    const partition = place % 3;
    // Two letters of different partitions have the same id.
    const id = `${1_000 + Math.floor(place / 2)}-0`;
    await redis.xadd(keys.deadLetters(partition), id, 'entry', '1-1', 'reason', name, 'nonsense', 'x');
  }
  const found: string[] = [];
  for (let after = ''; ; ) {
    const { body } = await get(`dead-letters?limit=2&after=${after}`);
    found.push(...body.data.map(({ reason }: { reason: string }) => reason));
    assert.ok(body.data.every(({ count }: { count: unknown }) => count === null));
    if (body.next === undefined) break;
    after = body.next;
  }
  assert.equal(found, ['one', 'two', 'four', 'three', 'five']);
  for (const partition of [0, 1, 2]) await redis.del(keys.deadLetters(partition));
});

test('a dead letter that is put back is applied once, and the act is logged with its operator and reason', async () => {
  const { partition, id } = await givenDeadLetter('put back');
  acts.length = 0;

  const path = `dead-letters/${partition}/${id}/put-back`;
  assert.equal(await post(path, { reason: 'the column is back' }), [200, '']);

  await until(async () => (await loggedEvents(system, 'ann', 'put back')).length === 2);
  assert.is(await redis.xlen(keys.deadLetters(partition)), 0);
  assert.equal(acts, [
    {
      operator: 'olga',
      partition,
      id,
      reason: 'the column is back',
      text: 'act of an operator: a dead letter is back in the outbox',
    },
  ]);
  assert.equal(await post(path, { reason: 'again' }), [404, 'No such dead letter.']);
  assert.is((await loggedEvents(system, 'ann', 'put back')).length, 2);
});

test('a put-back entry has exactly the fields that it had before it became a dead letter', async () => {
  const partition = 7;
  const fields = ['type', 'CouponGrabbed', 'entry', 'x', 'reason', 'y', 'nonsense', ''];
  const entry = String(await redis.xadd(keys.outbox(partition), '1-1', ...fields));
  await moveToDeadLetters(redis, { partition, id: entry }, 'first reason');
  const [[id] = ['']] = (await redis.xrange(keys.deadLetters(partition), '-', '+')) as RawEntry[];
  // The relay makes it a dead letter again, since no script has written such an entry.
  assert.equal(await post(`dead-letters/${partition}/${id}/put-back`, { reason: 'a trial' }), [200, '']);
  await until(async () => (await redis.xlen(keys.deadLetters(partition))) === 1);
  const [[, again] = ['', []]] = (await redis.xrange(keys.deadLetters(partition), '-', '+')) as RawEntry[];
  assert.equal(again.slice(4), fields);
  await redis.del(keys.deadLetters(partition));
});

test('no dead letter is put back behind a reconcile, or into a full outbox', async () => {
  const { partition, id } = await givenDeadLetter('fenced');
  const path = `dead-letters/${partition}/${id}/put-back`;
  await redis.del(keys.fence(partition));
  assert.is((await post(path, { reason: 'too early' }))[0], 503);
  assert.is(await redis.xlen(keys.deadLetters(partition)), 1);
  await until(async () => (await get('state')).body.data.answeredBy.gate.open);
  const small = await serveApp(createApp({ ...system, outboxLimit: { ...system.outboxLimit, entries: 0 } }).callback());
  const answer = await createClient(small.url).send('POST', `/api/operator/${path}`, {
    token,
    json: { reason: 'full' },
  });
  assert.is(answer.status, 503);
  assert.match(String(answer.body?.errMsg), /outbox is full/);
  assert.is(await redis.xlen(keys.deadLetters(partition)), 1);
  await small.close();
  await until(async () => !system.outboxLimit.isFull());
  await redis.del(keys.deadLetters(partition));
});

test('a subscription is retried and skipped like with npm run subscribers, and no second event is skipped', async () => {
  const life = lifeOf(system, { seller: 'ann', name: 'subscribed' });
  await life.create(3);
  await life.grab('bob');
  await settled(system);
  const [first, second] = await mysql('event_log').where({ name: 'subscribed' }).orderBy('position');
  await mysql('subscriptions').insert({ name: 'orders', position: first.position - 1, failures: 7, error: 'is full' });
  acts.length = 0;
  await sleep(1_100);
  // Thousands of webhooks that have delivered everything do not hide the one that fails.
  const webhooks = Array.from({ length: 3_000 }, (_, place) => ({
    name: `webhook:${place}`,
    position: second.position,
  }));
  await mysql.batchInsert('subscriptions', webhooks);
  const { total, failing, listed } = (await get('state')).body.data.mysql.state.subscriptions;
  const [state] = listed;
  assert.equal([total, failing, listed.length], [3_001, 1, 20]);
  await mysql('subscriptions').where('name', 'like', 'webhook:%').delete();
  assert.equal([state.name, state.failures, state.error], ['orders', 7, 'is full']);
  const event = state.nextEvent.id;

  assert.equal(await post('subscriptions/orders/retry', { reason: 'it has room again' }), [200, '']);
  assert.is((await mysql('subscriptions').where({ name: 'orders' }))[0].failures, 0);
  assert.equal(await post('subscriptions/orders/skip', { event, reason: 'a bad order' }), [200, '']);
  assert.equal(await post('subscriptions/orders/skip', { event, reason: 'a bad order' }), [
    409,
    'The next event of the subscription is another one.',
  ]);
  assert.is(Number((await mysql('subscriptions').where({ name: 'orders' }))[0].position), Number(first.position));
  assert.ok(second.position > first.position);
  const changes = await mysql('subscription_changes').orderBy('id');
  assert.equal(
    changes.map(({ reason }) => reason),
    [`${event}: olga: a bad order`],
  );
  assert.equal(
    acts.map(({ operator, reason }) => [operator, reason]),
    [
      ['olga', 'it has room again'],
      ['olga', 'a bad order'],
    ],
  );
  for (const act of ['retry', 'skip'])
    assert.equal(await post(`subscriptions/nobody/${act}`, { event, reason: 'r' }), [404, 'No such subscription.']);
});

for (const [what, json] of Object.entries({
  'no reason': {},
  'an empty reason': { reason: ' ' },
  'a long reason': { reason: 'x'.repeat(401) },
  'a reason of two lines': { reason: 'one\ntwo' },
}))
  test(`an act with ${what} is refused, and does nothing`, async () => {
    const before = (await mysql('subscriptions'))[0];
    const [status, errMsg] = await post('subscriptions/orders/retry', json);
    assert.is(status, 400);
    assert.match(String(errMsg), /^Reason field wrong format/);
    assert.equal((await mysql('subscriptions'))[0], before);
  });

test('damaged coupons are listed with what is wrong', async () => {
  await lifeOf(system, { seller: 'ann', name: 'broken' }).create(3);
  const key = keys.coupon({ seller: 'ann', name: 'broken' });
  await redis.hset(key, 'damaged', 'the event log lacks the creation');
  await redis.sadd(keys.damagedCoupons, 'ann/broken');
  const id = await redis.hget(key, 'id');

  const { body } = await get('damaged-coupons');

  assert.equal(body, {
    errMsg: '',
    count: 1,
    data: [{ seller: 'ann', name: 'broken', id, damage: 'the event log lacks the creation' }],
  });
  await redis.del(keys.damagedCoupons);
  await redis.hdel(key, 'damaged');
});

test("a coupon's events are in order, page by page, without codes, by its name and by its id", async () => {
  const life = lifeOf(system, { seller: 'ann', name: 'paged' });
  await life.create(9, { perCustomer: 9 });
  const code = await life.grab('bob');
  await life.grab('bob');
  await life.redeem(code);
  await life.pause();
  await settled(system);
  const id = await redis.hget(keys.coupon({ seller: 'ann', name: 'paged' }), 'id');
  for (const which of ['seller=ann&name=paged', `id=${id}`]) {
    const types: string[] = [];
    for (let after = 0; ; ) {
      const { body } = await get(`events?${which}&limit=2&after=${after}`);
      assert.equal(body.coupon, { id, seller: 'ann', name: 'paged' });
      assert.equal([body.logged, body.decided], [5, 5]);
      assert.not.match(JSON.stringify(body), new RegExp(code));
      types.push(...body.data.map(({ version, type }: { version: number; type: string }) => `${version} ${type}`));
      if (body.next === undefined) break;
      after = body.next;
    }
    assert.equal(types, [
      '1 CouponCreated',
      '2 CouponGrabbed',
      '3 CouponGrabbed',
      '4 CouponRedeemed',
      '5 CouponPaused',
    ]);
  }
  const { body } = await get(`events?id=${id}&after=1&limit=1`);
  assert.equal(body.data[0].data, { customer: 'bob', left: 8 });
  for (const [query, status, errMsg] of [
    ['seller=ann&name=none', 404, 'Neither Redis nor MySQL has this coupon.'],
    ['seller=ann', 400, 'Name the seller and the coupon.'],
    ['', 400, 'Name the seller and the coupon.'],
    ['id=1', 400, 'Wrong format of id.'],
    ['id=01975a3e-7c1b-7c3e-9f0a-0d5b6a1c2e3f', 404, 'Neither Redis nor MySQL has this coupon.'],
  ] as const) {
    const answer = await get(`events?${query}`);
    assert.equal([answer.status, answer.body.errMsg], [status, errMsg], query);
  }
});

test('a verification finds what is wrong with a coupon, and what is not', async () => {
  const life = lifeOf(system, { seller: 'ann', name: 'verified' });
  await life.create(3);
  await life.grab('bob');
  await settled(system);
  assert.is((await get('verification?seller=ann&name=verified')).body.data.agree, true);
  await mysql('coupons').where({ name: 'verified' }).update({ pieces_left: 3 });

  const { body } = await get('verification?seller=ann&name=verified');

  assert.is(body.data.agree, false);
  assert.match(body.data.mismatches[0], /ann\/verified/);
  assert.is((await get('verification?seller=ann&name=none')).status, 404);
  const answers = await Promise.all([1, 2, 3].map(() => get('verification?seller=ann&name=verified')));
  assert.ok(answers.some(({ status }) => status === 200) && answers.some(({ status }) => status === 409));
});

test('an operator who sends too many requests gets 429, and others do not', async () => {
  const limited = await serveApp(
    createApp({ ...system, operators: { ...system.operators, limit: (name) => (name === 'olga' ? 7 : 0) } }).callback(),
  );
  const { status, headers } = await createClient(limited.url).send('GET', '/api/operator/state', { token });
  assert.equal([status, headers.get('retry-after')], [429, '7']);
  await limited.close();
});

test('after a flush the state shows the reconcile: the gate was shut, and the coupons are rebuilt', async () => {
  const before = (await get('state')).body.data.answeredBy;
  await redis.flushall();
  await until(async () => {
    const { gate, reconcile } = (await get('state')).body.data.answeredBy;
    return gate.open && reconcile.last.rebuilt > 0;
  });
  const after = (await get('state')).body.data.answeredBy;
  assert.ok(Date.parse(after.gate.since) > Date.parse(before.gate.since));
  assert.ok(Date.parse(after.reconcile.last.at) > Date.parse(before.reconcile.last.at));
  assert.is(after.reconcile.last.coupons, after.reconcile.last.rebuilt);
});

// The last test, since nothing else works without Redis.
test('while Redis is down, the state still says what this process and MySQL know', async () => {
  await redisServer.close();
  await until(async () => (await get('state')).body.data.redis.error !== null);

  const { body } = await get('state');

  assert.is(body.data.redis.state, null);
  assert.is(body.data.answeredBy.gate.open, false);
  assert.match(body.data.answeredBy.gate.why, /not reconciled/);
  assert.is(body.data.mysql.error, null);
  assert.is((await get('dead-letters')).status, 503);
  assert.is((await post('dead-letters/0/1-1/put-back', { reason: 'r' }))[0], 503);
  assert.is((await get('events?seller=ann&name=paged')).body.decided, null);
});

test.after(async () => {
  await server.close();
  await close();
  await closeStores();
});
test.run();
