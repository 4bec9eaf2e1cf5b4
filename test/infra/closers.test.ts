import { rejects } from 'node:assert/strict';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';

const test = suite('openAll');

test('resources are closed in the reverse order of their opening', async () => {
  const closed: string[] = [];
  const { close } = await openAll(async (remember) => {
    for (const name of ['first', 'second', 'third']) remember(() => void closed.push(name));
    return {};
  });

  await close();

  assert.equal(closed, ['third', 'second', 'first']);
});

test('when a resource fails to open, the resources opened before it are closed', async () => {
  const closed: string[] = [];

  const opening = openAll(async (remember) => {
    remember(() => void closed.push('first'));
    throw new Error('the second does not open');
  });

  await rejects(opening, /the second does not open/);
  assert.equal(closed, ['first']);
});

test('when a resource fails to close, the others are closed and close rejects with the failure', async () => {
  const closed: string[] = [];
  const { close } = await openAll(async (remember) => {
    remember(() => void closed.push('first'));
    remember(() => Promise.reject(new Error('the second does not close')));
    return {};
  });

  await rejects(async () => close(), /the second does not close/);

  assert.equal(closed, ['first']);
});

test('a second close does nothing', async () => {
  let closed = 0;
  const { close } = await openAll(async (remember) => {
    remember(() => void closed++);
    return {};
  });

  await close();
  await close();

  assert.is(closed, 1);
});

test.run();
