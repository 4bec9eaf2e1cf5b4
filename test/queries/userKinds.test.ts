import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { createUserKinds } from '../../src/queries/userKinds.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const test = suite('the kinds of users');
const { redis, gate, log } = system;
await redis.mset(keys.userView('ann'), 'seller', keys.userView('bob'), 'customer');

test('are read once, and again after the gate was shut, because Redis may have been replaced', async () => {
  const kinds = createUserKinds({ redis, gate, log });
  assert.equal([await kinds.of('ann'), await kinds.of('bob')], ['seller', 'customer']);
  await redis.del(keys.userView('ann'));

  assert.is(await kinds.of('ann'), 'seller');
  gate.shut('a test');
  gate.clear('a test');
  assert.is(await kinds.of('ann'), null);
});

test('a user who registers after a request for the name is found', async () => {
  const kinds = createUserKinds({ redis, gate, log });
  assert.is(await kinds.of('eve'), null);

  await redis.set(keys.userView('eve'), 'customer');

  assert.is(await kinds.of('eve'), 'customer');
});

test.after(close);
test.run();
