import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readCode } from '../../src/coupon/code.ts';
import { keys } from '../../src/infra/keys.ts';
import { createCouponTerms } from '../../src/queries/couponTerms.ts';
import { listCoupons } from '../../src/queries/listCoupons.ts';
import type { CustomerCoupon } from '../../src/queries/listCustomerCoupons.ts';
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

const ownPiece = async () => {
  const [piece] = (await listCoupons(system, customer('bob'), { username: 'bob', page: 1 })) as CustomerCoupon[];
  return piece;
};

test("a change of terms by the same process shows in a customer's list at once", async () => {
  await life.grab('bob');
  await ownPiece();

  await life.change({ description: 'another' });

  assert.is((await ownPiece())?.description, 'another');
});

test("a redemption by the same process shows in a customer's list at once", async () => {
  const { code = '' } = (await ownPiece()) ?? {};

  await life.redeem(readCode(code) ?? '');

  assert.ok((await ownPiece())?.redeemedAt !== undefined);
});

test("a redemption by another process shows in a customer's list within a second", async () => {
  const { clock, terms } = givenTerms();
  await system.redis.hdel(keys.coupon(spring), 'redeemed');
  const hasRedemptions = async () => (await terms.read([spring])).map((found) => found.hasRedemptions);
  assert.equal(await hasRedemptions(), [false]);

  await system.redis.hset(keys.coupon(spring), 'redeemed', '1');

  clock.ms += 900;
  assert.equal(await hasRedemptions(), [true]);
});

test('a read that began before a change is not remembered after it', async () => {
  const { terms, stock } = givenTerms();
  await setStock(1);
  const reading = stock();
  terms.forget();
  await reading;

  await setStock(2);

  assert.equal(await stock(), [2]);
});

test.after(close);
test.run();
