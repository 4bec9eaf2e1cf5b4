import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { createCouponTerms } from '../../src/queries/couponTerms.ts';
import { listCoupons } from '../../src/queries/listCoupons.ts';
import { lifeOf } from '../support/couponLife.ts';
import { customer, openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the terms that a process remembers');
const spring = { seller: 'ann', name: 'spring' };
const life = lifeOf(system, spring);
await life.create(10, { perCustomer: 10 });

/** Terms with a clock of the test, which stands still until it is set. */
function givenTerms() {
  const clock = { ms: 5_000 };
  const terms = createCouponTerms(system, () => clock.ms);
  const stock = async () => (await terms.read([spring])).map((found) => found.stock);
  return { clock, terms, stock };
}
const setStock = (stock: number) => system.redis.hset(keys.coupon(spring), 'stock', stock);

test('are used for less than a second, counted from the moment at which they were asked for', async () => {
  const { clock, stock } = givenTerms();
  await setStock(1);
  assert.equal(await stock(), [1]);
  await setStock(2);

  clock.ms += 899;
  assert.equal(await stock(), [1]);
  clock.ms += 1;
  assert.equal(await stock(), [2]);
});

test('are not used after the gate was shut, because Redis may have been replaced', async () => {
  const { stock } = givenTerms();
  await setStock(1);
  assert.equal(await stock(), [1]);
  await setStock(2);

  system.gate.shut('a test');
  system.gate.clear('a test');

  assert.equal(await stock(), [2]);
});

test('are read once for several pieces of one coupon', async () => {
  const { terms } = givenTerms();
  let commands = 0;
  const { sendCommand } = system.redis;
  system.redis.sendCommand = (command, stream) => {
    if (command.name === 'hmget') commands++;
    return sendCommand.call(system.redis, command, stream);
  };

  const read = await terms.read([spring, spring, spring]);

  system.redis.sendCommand = sendCommand;
  assert.is(read.length, 3);
  assert.is(commands, 1);
});

test("a change of terms shows in a customer's list that was read before", async () => {
  await life.grab('bob');
  const own = () => listCoupons(system, customer('bob'), { username: 'bob', page: 1 });
  await own();

  await life.change({ description: 'another' });

  const limit = Date.now() + 30_000;
  const descriptions = async () => ((await own()) as { description: string }[]).map(({ description }) => description);
  while ((await descriptions())[0] !== 'another') {
    assert.ok(Date.now() < limit, 'the old terms stay');
    await sleep(20);
  }
});

test.after(close);
test.run();
