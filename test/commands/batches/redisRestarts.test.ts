import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openBatches } from '../../../src/commands/batches/finishBatches.ts';
import { openAll } from '../../../src/infra/closers.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { openSystem } from '../../../src/system.ts';
import { createBatch, eventually, existing, unfinished, untilDecided } from '../../support/batches.ts';
import { type Call, interceptRedis, isCreation } from '../../support/interceptRedis.ts';
import { gateOpens } from '../../support/outages.ts';
import { openTestStores } from '../../support/testStores.ts';
import { loggedEvents, settled } from '../../support/testSystem.ts';

// Redis stops between two steps of a batch, and starts again with its data or without them. The process of the batch goes on.

const { system, server, close } = await openAll(async (remember) => {
  const { config, redis: server, close: closeStores } = await openTestStores();
  remember(closeStores);
  const { system, close } = await openSystem(config, createLog(config.logLevel));
  remember(close);
  return { system, server };
});
const test = suite('a restart of Redis within a batch');
const namesOf = (batch: string) => Array.from({ length: 4 }, (_, i) => `${batch} ${i}`);

async function restartRedis(emptied: boolean): Promise<void> {
  if (emptied) await system.redis.flushall();
  await server.close();
  await server.start();
  await gateOpens(system);
}

/** When Redis restarts at the first call of this kind, and the call fails: it was never sent, or its reply is lost. */
async function createBatchWithRestart(batch: string, at: (call: Call) => boolean, isSent: boolean, emptied: boolean) {
  let restarted = false;
  const redis = interceptRedis(system.redis, async (call, send) => {
    if (restarted || !at(call)) return send();
    restarted = true;
    if (isSent) await send();
    await restartRedis(emptied);
    throw new Error('Connection is closed.');
  });
  const { batches, close: closeBatches } = openBatches({ ...system, redis });
  const names = namesOf(batch);
  const result = await createBatch({ ...system, redis, batches }, names, { idempotencyKey: batch }).catch(
    () => 'unavailable',
  );
  assert.ok(restarted, 'Redis was not restarted');
  return { names, result, closeBatches };
}

test('given a restart without its data between the reservations and the commit, the batch is absent, and a retry makes it whole', async () => {
  const names = namesOf('between');
  let restarted = false;
  // Given reservations that all succeed, after which Redis loses them.
  const redis = interceptRedis(system.redis, async (call, send) => {
    const reply = await send();
    if (!restarted && isReservation(call)) {
      restarted = true;
      await restartRedis(true);
    }
    return reply;
  });

  const result = await createBatch({ ...system, redis }, names).catch((error: Error) => error.message);

  assert.is(result, 'the connection to Redis was lost');
  assert.equal([await unfinished(system), await existing(system, names)], [[], []]);
  assert.is(await untilDecided(() => createBatch(system, names)), 'created');
});

const isReservation = (call: Call) => call.name === 'createCoupon' && !isCreation(call);

type Case = [description: string, at: (call: Call) => boolean, isSent: boolean, emptied: boolean, committed: boolean];
const isCommit = ({ name }: Call) => name === 'commitBatch';
const cases: Case[] = [
  ['after a reservation, with its data', isReservation, true, false, false],
  ['before the commit, without its data', isCommit, false, true, false],
  // The reply is lost. Without its data, Redis has lost the plan as well, and no coupon was created yet.
  ['after the commit, with its data', isCommit, true, false, true],
  ['after the commit, without its data', isCommit, true, true, false],
  ['before a creation, with its data', isCreation, false, false, true],
  ['before a creation, without its data', isCreation, false, true, true],
  ['after a creation, with its data', isCreation, true, false, true],
  ['after a creation, without its data', isCreation, true, true, true],
];

for (const [description, at, isSent, emptied, committed] of cases) {
  test(`given a restart ${description}, the batch is ${committed ? 'whole' : 'absent'}, and a retry makes it whole`, async () => {
    const { names, result, closeBatches } = await createBatchWithRestart(description, at, isSent, emptied);

    await eventually('no batch is unfinished', async () => (await unfinished(system)).length === 0);
    if (committed) await eventually('the batch is whole', async () => (await existing(system, names)).length === 4);
    else assert.equal(await existing(system, names), []);
    if (result === 'created') assert.ok(committed);

    const retry = () => createBatch(system, names, { idempotencyKey: description });
    assert.is(await untilDecided(retry), 'created');
    assert.equal(await existing(system, names), names);
    await settled(system);
    for (const name of names) assert.is((await loggedEvents(system, 'ann', name)).length, 1, name);
    await closeBatches();
  });
}

test.after(close);
test.run();
