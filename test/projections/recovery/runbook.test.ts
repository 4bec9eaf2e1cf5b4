import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys, partitionOf } from '../../../src/infra/keys.ts';
import { moveToDeadLetters } from '../../../src/infra/outbox.ts';
import { openTransaction } from '../../support/outages.ts';
import { customer, givenCoupon, grabOutcome, loggedEvents, openTestSystem, settled } from '../../support/testSystem.ts';

// The repairs by hand that docs/OPERATIONS.md describes.

const { system, close } = await openTestSystem();
const { redis, mysql } = system;
const test = suite('the runbook');

test('a dead letter that is added to the outbox again, even twice, is applied once', async () => {
  // Given a dead letter: the entry of a grab that MySQL could not apply yet.
  await givenCoupon(system, 'ann', 'sea', 5);
  await settled(system);
  const partition = partitionOf({ seller: 'ann', name: 'sea' });
  const pause = await openTransaction(mysql);
  await pause.raw('SELECT id FROM projection_pause FOR UPDATE');
  await grabOutcome(system, customer('bob'), { seller: 'ann', name: 'sea' });
  const [[id] = ['']] = await redis.xrange(keys.outbox(partition), '-', '+');
  await moveToDeadLetters(redis, { partition, id }, 'a test');
  await pause.rollback();

  // When its fields are added to the outbox, without the fields that the dead letter has in addition.
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

test('deleting the marker starts reconcile, which opens the gate again', async () => {
  const shuts = system.gate.shuts();

  await redis.del(keys.marker);

  while (system.gate.shuts() === shuts || system.gate.reason() !== undefined) await sleep(20);
  assert.is(await redis.exists(keys.marker), 1);
});

test.after(close);
test.run();
