import calculateSlot from 'cluster-key-slot';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keys } from '../../src/infra/keys.ts';
import { dataSetOf, slotOfPartition, tagIn } from '../../src/infra/shards/dataSet.ts';
import type { Master, Masters } from '../../src/infra/shards/masters.ts';
import { Unavailable } from '../../src/unavailable.ts';

const test = suite('the hash tag of a master of a Redis Cluster');
const master = { name: 'one' } as Master;
/** The data set of a master that has these slots, as the slot map says it. */
const having = (hasSlot: (slot: number) => boolean) =>
  dataSetOf({ isSingle: false, ofSlot: (slot) => (hasSlot(slot) ? master : undefined) } as Masters, master);

test('is that of a partition where it has one', () => {
  assert.is(tagIn(having((slot) => slot === slotOfPartition(7))), '7');
});

test('leads to one of its slots where it has no partition', () => {
  const tag = tagIn(having((slot) => slot === 4_711));

  assert.is(calculateSlot(keys.replicated(tag)), 4_711);
});

test('does not exist while it has no slot, and nobody looks for it in vain', () => {
  assert.throws(
    () => tagIn(having(() => false)),
    (error: unknown) => error instanceof Unavailable,
  );
});

test.run();
