import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createReconcileWatch } from '../../src/operators/reconcileWatch.ts';

const test = suite('what operators see of a reconcile');
const idle = { step: null, done: 0, of: 0 };

test('each step is shown while it lasts, and the result afterwards', async () => {
  const watch = createReconcileWatch();
  const seen: unknown[] = [];
  const look = () => {
    const { step, done, of } = watch.state();
    seen.push([step, done, of]);
  };
  await watch.attempt(async () => {
    for (const step of ['waiting', 'draining'] as const) {
      watch.reached(step);
      look();
    }
    watch.reached('rebuilding', 3, 9);
    look();
    watch.finished({ coupons: 2, rebuilt: 1, ms: 40 });
  });

  assert.equal(seen, [
    ['waiting', 0, 0],
    ['draining', 0, 0],
    ['rebuilding', 3, 9],
  ]);
  const { last, ...state } = watch.state();
  assert.equal(state, { ...idle, error: null });
  assert.equal([last?.coupons, last?.rebuilt, last?.ms], [2, 1, 40]);
});

test('the failure of an attempt is shown until an attempt succeeds', async () => {
  const watch = createReconcileWatch();
  const failing = watch.attempt(async () => {
    watch.reached('draining');
    throw new Error('MySQL does not answer');
  });
  assert.is(await failing.catch(({ message }: Error) => message), 'MySQL does not answer');
  assert.equal(watch.state(), { ...idle, last: null, error: 'MySQL does not answer' });
  await watch.attempt(async () => {});
  assert.is(watch.state().error, null);
});

test.run();
