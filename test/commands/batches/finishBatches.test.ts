import { rejects } from 'node:assert/strict';
import { v7 as uuidv7 } from 'uuid';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newBatch } from '../../../src/commands/batches/batch.ts';
import { openBatches } from '../../../src/commands/batches/finishBatches.ts';
import { decideCreation } from '../../../src/commands/createCoupon.ts';
import {
  couponNamed,
  createBatch,
  createOne,
  eventually,
  existing,
  reserved,
  unfinished,
  untilDecided,
} from '../../support/batches.ts';
import { interceptRedis, isCreation, never } from '../../support/interceptRedis.ts';
import { loggedEvents, openTestSystem, settled } from '../../support/testSystem.ts';

// A batch that is interrupted at any step is finished by another process if it was committed, and otherwise leaves no trace.

const { system, close } = await openTestSystem();
const test = suite('interrupted batches');
const COUPONS = 4;
const namesOf = (batch: string) => Array.from({ length: COUPONS }, (_, i) => `${batch} ${i}`);

/** The commands of a process of its own: its calls to Redis pass `around`, and it sweeps no batches. */
async function processWith(around: Parameters<typeof interceptRedis>[1]) {
  const redis = interceptRedis(system.redis, around);
  const { batches, close: closeBatches } = openBatches({ ...system, redis });
  await closeBatches();
  return { ...system, redis, batches };
}

/**
 * The commands of a process that dies at this call: nothing that comes later is ever sent, and no reply arrives. Calls count from 1; the
 * claim of an idempotency key is not counted.
 */
function dyingProcess(at: number, when: 'before' | 'after', seen: string[]) {
  let calls = 0;
  return processWith(async ({ name }, send) => {
    if (name === 'claimIdempotencyKey') return send();
    const number = ++calls;
    if (number > at || (number === at && when === 'before')) return never();
    seen.push(name);
    const reply = await send();
    return number === at ? never() : reply;
  });
}

async function loggedNames(names: readonly string[]): Promise<string[]> {
  const logs = await Promise.all(names.map((name) => loggedEvents(system, 'ann', name)));
  return names.filter((_, place) => logs[place]?.length === 1);
}

test('a batch whose process dies at any call is created as a whole if its plan was committed, and else not at all', async () => {
  // Given the calls of an undisturbed batch: the reservation of room, 4 reservations of names, the commit, 4 creations, the deletion of the plan.
  const undisturbed: string[] = [];
  const deps = await dyingProcess(1_000, 'before', undisturbed);
  assert.is(await createBatch(deps, namesOf('undisturbed')), 'created');
  const four = Array(COUPONS).fill('createCoupon');
  assert.equal(undisturbed, ['reserveRoom', ...four, 'commitBatch', ...four, 'hdel']);

  // When processes die before or after each of these calls; half of their clients retry with an idempotency key.
  const steps = undisturbed.flatMap((_, i) =>
    (['before', 'after'] as const).flatMap((when) => [true, false].map((retries) => ({ call: i + 1, when, retries }))),
  );
  const batches = await Promise.all(
    steps.map(async ({ call, when, retries }) => {
      const batch = `dies ${when} ${call}${retries ? ', retried' : ''}`;
      const request = retries ? { idempotencyKey: batch } : {};
      const seen: string[] = [];
      void createBatch(await dyingProcess(call, when, seen), namesOf(batch), request);
      return { batch, names: namesOf(batch), seen, retries, request, sent: when === 'before' ? call - 1 : call };
    }),
  );
  await eventually('all processes are dead', async () => batches.every(({ seen, sent }) => seen.length === sent));

  // Then a retry with the same key gets 201 in the end, whatever the first request had done by then.
  for (const { names, batch, request } of batches.filter(({ retries }) => retries))
    assert.is(await untilDecided(() => createBatch(system, names, request)), 'created', batch);
  // Then without a retry, the batch is whole or absent.
  await eventually('no batch is unfinished', async () => (await unfinished(system)).length === 0);
  await settled(system);
  const isWhole = ({ seen, retries }: { seen: string[]; retries: boolean }) => retries || seen.includes('commitBatch');
  for (const one of batches) {
    const expected = isWhole(one) ? one.names : [];
    assert.equal(await existing(system, one.names), expected, one.batch);
    assert.equal(await loggedNames(one.names), expected, one.batch);
  }
  // Then the names of an absent batch are free.
  for (const { names, batch } of batches.filter((one) => !isWhole(one)))
    assert.is(await untilDecided(() => createOne(system, names[1] ?? '')), 'created', batch);
});

test('a coupon of a batch that is created again with its id is created once, and another coupon of the name is refused', async () => {
  const coupon = { seller: 'ann', ...couponNamed('twice') };
  const [id, batch] = [uuidv7(), newBatch(0, '0')];

  for (let tries = 0; tries < 3; tries++) assert.is(await decideCreation(system, coupon, id, batch), 'created');

  assert.is(await decideCreation(system, coupon, uuidv7(), batch), 'duplicate-coupon');
  await settled(system);
  assert.equal(
    (await loggedEvents(system, 'ann', 'twice')).map((event) => event.coupon.id),
    [id],
  );
});

test('after the commit, a creation that fails is repeated in the background, and a retry with the key gets the original answer', async () => {
  const names = namesOf('failing');
  let failures = 2;
  const redis = interceptRedis(system.redis, async (call, send) => {
    if (isCreation(call) && call.args.includes('failing 2') && failures-- > 0) throw new Error('Connection is closed.');
    return send();
  });
  const { batches, close: closeBatches } = openBatches({ ...system, redis });
  const deps = { ...system, redis, batches };

  await rejects(() => createBatch(deps, names, { idempotencyKey: 'failing' }), /Connection is closed/);
  assert.equal((await existing(system, names)).length, COUPONS - 1);

  await eventually('the batch is whole', async () => (await existing(system, names)).length === COUPONS);
  assert.is(await untilDecided(() => createBatch(deps, names, { idempotencyKey: 'failing' })), 'created');
  await eventually('the plan is deleted', async () => (await unfinished(system)).length === 0);
  await closeBatches();
});

test('while too many committed batches wait, a new batch is unavailable before it reserves a name, and later all are finished', async () => {
  let isBroken = true;
  const redis = interceptRedis(system.redis, async (call, send) => {
    if (isBroken && isCreation(call)) throw new Error('Connection is closed.');
    return send();
  });
  const { batches, close: closeBatches } = openBatches({ ...system, redis });
  const deps = { ...system, redis, batches };
  const names: string[] = [];
  for (let reason = ''; reason !== 'too many batches of coupons wait to be finished'; ) {
    if (names.length > 500) throw new Error('there is no limit');
    names.push(`waiting ${names.length}`);
    reason = await createBatch(deps, names.slice(-1)).then(String, (error: Error) => error.message);
  }
  assert.equal(await reserved(system, names), names.slice(0, -1));

  isBroken = false;

  await eventually('all batches are finished', async () => (await unfinished(system)).length === 0);
  assert.equal(await existing(system, names), names.slice(0, -1));
  await closeBatches();
});

test.after(close);
test.run();
