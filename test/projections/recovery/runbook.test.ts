import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabCoupon } from '../../../src/commands/grabCoupon.ts';
import { keys, partitionOf } from '../../../src/infra/keys.ts';
import { moveToDeadLetters } from '../../../src/infra/outbox.ts';
import { customer, givenCoupon, loggedEvents, openTestSystem, settled } from '../../support/testSystem.ts';

// What docs/OPERATIONS.md tells people to do by hand.

const { system, close } = await openTestSystem();
const { redis, mysql } = system;
const test = suite('the runbook');

test('a dead letter that is put back, without what was added to it, is applied once', async () => {
  await givenCoupon(system, 'ann', 'sea', 5);
  await settled(system);
  const partition = partitionOf({ seller: 'ann', name: 'sea' });
  const pause = await mysql.transaction();
  await pause.raw('SELECT id FROM projection_pause FOR UPDATE');
  await grabCoupon(system, customer('bob'), { seller: 'ann', name: 'sea' });
  const [[id] = ['']] = await redis.xrange(keys.outbox(partition), '-', '+');
  await moveToDeadLetters(redis, { partition, id }, 'a test');
  await pause.rollback();

  const [[letter, fields] = ['', []]] = await redis.xrange(keys.deadLetters(partition), '-', '+');
  const pairs = fields.flatMap((field, place) => (place % 2 === 0 ? [[field, fields[place + 1] ?? '']] : []));
  const stored = pairs.filter(([field = '']) => !['entry', 'reason'].includes(field)).flat();
  for (let twice = 0; twice < 2; twice++) await redis.xadd(keys.outbox(partition), '*', ...stored);
  await redis.xdel(keys.deadLetters(partition), letter);
  await settled(system);
  assert.equal(
    (await loggedEvents(system, 'ann', 'sea')).map(({ version }) => version),
    [1, 2],
  );
  assert.is(await redis.xlen(keys.deadLetters(partition)), 0);
});

test('with the marker deleted Redis is compared with the log again, and the gate opens by itself', async () => {
  const shuts = system.gate.shuts();
  await redis.del(keys.marker);
  while (system.gate.shuts() === shuts || system.gate.reason() !== undefined)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.is(await redis.exists(keys.marker), 1);
});

test.after(close);
test.run();
