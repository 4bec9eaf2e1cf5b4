import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { createViewProjection } from '../../src/projections/redisViews.ts';
import { couponRef, grabbed } from '../support/sampleEvents.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { redis } = system;
const test = suite('the projection to views');
const sea = couponRef('sea');

test('deliveries of one turn of the event loop are written in one pipeline, each completely', async () => {
  const project = createViewProjection(redis);
  let pipelines = 0;
  const { pipeline } = redis;
  redis.pipeline = (...given) => {
    pipelines++;
    return pipeline.apply(redis, given);
  };

  await Promise.all([
    project([grabbed(sea, 2, 'amy', 9, 'CODE-OF-AMY-'), grabbed(sea, 3, 'bob', 8, 'CODE-OF-BOB-')]),
    project([grabbed(sea, 4, 'cid', 7, 'CODE-OF-CID-')]),
  ]);

  redis.pipeline = pipeline;
  assert.is(pipelines, 1);
  for (const customer of ['amy', 'bob', 'cid']) assert.is(await redis.zcard(keys.customerView(customer)), 1);
});

test('a view that cannot be written fails its own delivery alone', async () => {
  const project = createViewProjection(redis);
  await redis.set(keys.customerView('eve'), 'not a sorted set');
  const before = project([grabbed(sea, 5, 'dan', 6, 'CODE-OF-DAN-')]);
  const broken = project([grabbed(sea, 6, 'eve', 5, 'CODE-OF-EVE-')]);
  const after = project([grabbed(sea, 7, 'fay', 4, 'CODE-OF-FAY-')]);

  await rejects(() => broken, /WRONGTYPE/);
  await Promise.all([before, after]);

  for (const customer of ['dan', 'fay']) assert.is(await redis.zcard(keys.customerView(customer)), 1);
  await redis.del(keys.customerView('eve'));
});

test('a delivery after a failure is written', async () => {
  const project = createViewProjection(redis);
  await redis.set(keys.customerView('gil'), 'not a sorted set');
  await rejects(() => project([grabbed(sea, 8, 'gil', 3, 'CODE-OF-GIL-')]));
  await redis.del(keys.customerView('gil'));

  await project([grabbed(sea, 8, 'gil', 3, 'CODE-OF-GIL-')]);

  assert.is(await redis.zcard(keys.customerView('gil')), 1);
});

test.after(close);
test.run();
