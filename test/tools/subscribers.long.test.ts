import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { migrateTables } from '../../src/infra/stores/openMysql.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const url = await createDatabase();
await migrateTables(url);
const { mysql, close: closeMysql } = connectMysql(url, 2);
const coupon = couponRef('spring');
const events = [created(coupon, 9), grabbed(coupon, 2, 'bob', 8), grabbed(coupon, 3, 'eve', 7)];
for (const event of events) await applyBatch(mysql, [delivery(event)]);
const positions = (await mysql('event_log').orderBy('position')).map(({ position }) => Number(position));
const test = suite('npm run subscribers');

const run = async (...args: string[]) => {
  const { status, stdout, stderr } = await startProgram('src/tools/subscribers.ts', { MYSQL_URL: url }, args).ended;
  return { status, stdout, stderr };
};
/** A subscription whose receiver has taken so many events, and refuses the next one. */
async function givenStuck(delivered: number): Promise<void> {
  await mysql('subscriptions').delete();
  await mysql('subscriptions').insert({
    name: 'orders',
    position: positions[delivered - 1] ?? 0,
    failures: 7,
    error: 'the receiver is full',
  });
}
const row = async () => (await mysql('subscriptions').where({ name: 'orders' }))[0];

test('list shows the checkpoint, the lag, the last failure and the next event', async () => {
  await givenStuck(1);

  const { status, stdout } = await run('list', '--json');

  assert.is(status, 0);
  const [listed] = JSON.parse(stdout);
  assert.is(listed.name, 'orders');
  assert.is(listed.position, positions[0]);
  assert.is(listed.lag, (positions.at(-1) ?? 0) - (positions[0] ?? 0));
  assert.is(listed.failures, 7);
  assert.is(listed.error, 'the receiver is full');
  assert.equal(listed.nextEvent, {
    position: positions[1],
    id: events[1]?.id,
    type: 'CouponGrabbed',
    coupon: 'ann/spring',
  });
  const table = (await run('list')).stdout;
  assert.match(table, /orders.*CouponGrabbed/);
  assert.match(table, /^orders: the receiver is full$/m);
});

test('lag exits with 1 when it is over the limit', async () => {
  await givenStuck(3);
  assert.equal(await run('lag', 'orders', '--max', '0').then(({ status, stdout }) => [status, stdout]), [0, '0\n']);
  await givenStuck(1);
  assert.is((await run('lag', 'orders', '--max', '0')).status, 1);
});

test('retry makes the next attempt at once, and moves nothing', async () => {
  await givenStuck(1);
  assert.is((await run('retry', 'orders')).status, 0);
  assert.equal([Number((await row()).failures), Number((await row()).position)], [0, positions[0]]);
});

test('skip leaves out exactly the next event, and keeps the reason', async () => {
  await givenStuck(1);

  const { status, stdout } = await run('skip', 'orders', '--reason', "the shop's order is gone");

  assert.is(status, 0);
  assert.is(stdout, `orders: skipped CouponGrabbed ${events[1]?.id}\n`);
  assert.is(Number((await row()).position), positions[1]);
  const [change] = await mysql('subscription_changes').where({ action: 'skip' });
  assert.is(change.reason, `${events[1]?.id}: the shop's order is gone`);
});

test('rewind moves the checkpoint before the first event since the time, and never forwards', async () => {
  await givenStuck(3);
  await mysql('subscription_changes').delete();

  const { status } = await run('rewind', 'orders', '--to', '2023-11-14T22:13:20.000002Z');

  assert.is(status, 0);
  assert.is(Number((await row()).position), (positions[1] ?? 0) - 1);
  await givenStuck(1);
  const refused = await run('rewind', 'orders', '--to', '2023-11-14T22:13:20.000003Z');
  assert.is(refused.status, 1);
  assert.match(refused.stderr, /has delivered no event since/);
  assert.is(Number((await row()).position), positions[0]);
});

const wrong: [what: string, args: string[], status: number, text: RegExp][] = [
  ['no command', [], 2, /list, lag, retry, skip or rewind|Usage/],
  ['a skip without a reason', ['skip', 'orders'], 2, /--reason/],
  ['a rewind to what is no time', ['rewind', 'orders', '--to', 'yesterday'], 2, /expected a time/],
  ['an unknown subscription', ['retry', 'nobody'], 1, /there is no subscription "nobody"/],
];
for (const [what, args, status, text] of wrong) {
  test(`${what} is refused with exit status ${status} and the reason`, async () => {
    await givenStuck(1);
    const answer = await run(...args);
    assert.is(answer.status, status);
    assert.match(answer.stderr, text);
  });
}

test("of a seller's webhook, list and skip mean the events of this seller alone", async () => {
  const foreign = { ...couponRef('autumn'), seller: 'zoe' };
  for (const event of [created(foreign, 9), grabbed(foreign, 2, 'bob', 8)]) await applyBatch(mysql, [delivery(event)]);
  const own = couponRef('winter');
  const next = created(own, 5);
  await applyBatch(mysql, [delivery(next)]);
  await mysql('subscriptions').delete();
  await mysql('webhooks').insert({ id: 'w', owner: 'ann', url: 'https://a/', secret: 'x', created_at: 1 });
  await mysql('subscriptions').insert({ name: 'webhook:w', position: positions.at(-1) ?? 0 });

  const [listed] = JSON.parse((await run('list', '--json')).stdout);
  const { stdout } = await run('skip', 'webhook:w', '--reason', 'a test');

  assert.is(listed.nextEvent.id, next.id);
  assert.is(stdout, `webhook:w: skipped CouponCreated ${next.id}\n`);
  const [{ position }] = await mysql('event_log').where({ name: 'winter' });
  assert.is((await mysql('subscriptions').where({ name: 'webhook:w' }))[0].position, position);
});

test.after(async () => {
  await endPrograms();
  await closeMysql();
});
test.run();
