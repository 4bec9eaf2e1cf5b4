import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Orders, openOrders, type SeckillEvent } from '../../examples/shop/orders.ts';

// The orders of the example shop, when events come again and when the process dies.

const folder = mkdtempSync(join(tmpdir(), 'seckill-orders-'));
let files = 0;
const newFile = () => join(folder, `orders-${++files}.json`);

const couponId = '01890a5d-ac96-774b-bcce-b302099a8057';
const eventOf = (type: string, version: number, data: object) =>
  ({
    id: `${couponId}:${version}`,
    type,
    time: '2026-11-28T09:00:00Z',
    data: { coupon: { id: couponId, seller: 'back-office', name: 'lamp' }, version, ...data },
  }) as SeckillEvent;
const grab = eventOf('CouponGrabbed', 2, { customer: 'alice', left: 1 });
const release = eventOf('GrabReleased', 3, { customer: 'alice', grab: 2, left: 2 });
const secondGrab = eventOf('CouponGrabbed', 4, { customer: 'alice', left: 1 });
const ordersIn = (orders: Orders) =>
  orders.ofCustomer('alice').map(({ id, status }) => `${id.slice(couponId.length + 1)} ${status}`);

const test = suite('the orders of the example shop');

test('given a page that comes again after a restart, then its order is made once', () => {
  const file = newFile();
  openOrders(file).take([grab], 'a');
  openOrders(file).take([grab], 'a');
  assert.equal(ordersIn(openOrders(file)), ['2 ordered']);
});

test('given a release, then the order of its grab is canceled, and a grab that comes again does not revive it', () => {
  const file = newFile();
  openOrders(file).take([grab, release, secondGrab], 'a');
  openOrders(file).take([grab], 'a');
  assert.equal(ordersIn(openOrders(file)), ['2 canceled', '4 ordered']);
});

test('given a file that could not be written, then neither the orders nor the cursor have moved', () => {
  const file = newFile();
  const orders = openOrders(file);
  orders.take([grab], 'a');
  mkdirSync(`${file}.new`);
  assert.throws(() => orders.take([release], 'b'), /EISDIR/);
  for (const kept of [orders, openOrders(file)]) {
    assert.is(kept.cursor(), 'a');
    assert.equal(ordersIn(kept), ['2 ordered']);
  }
});

test('given a process that died while it wrote the new file, then the next one starts with the old file', () => {
  const file = newFile();
  openOrders(file).take([grab], 'a');
  writeFileSync(`${file}.new`, '{"cursor":"b","ord');
  const orders = openOrders(file);
  assert.is(orders.cursor(), 'a');
  orders.take([release], 'b');
  assert.not(existsSync(`${file}.new`));
  assert.equal(ordersIn(openOrders(file)), ['2 canceled']);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
