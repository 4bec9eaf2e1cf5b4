import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSale, type Tolerance } from './checkSale.ts';
import { type ExampleSale, exampleSale } from './exampleSale.ts';

/** What is broken, the names of the violations, and how it is broken. */
export type Broken = [name: string, violations: string[], breakIt: () => void];

/** A suite of which every test is given a new example sale whose stores follow from its log. */
export function checkerSuite(name: string) {
  const test = suite(name);
  let current = exampleSale();
  const sale = (): ExampleSale => current;
  /** The names of the violations, each once. */
  const names = (tolerance?: Tolerance) => {
    const { violations } = checkSale(current.requests, current.records, tolerance);
    return [...new Set(violations.map((violation) => violation.name))].sort();
  };
  test.before.each(() => {
    current = exampleSale();
    current.letStoresFollow();
  });
  /** One test for each line. `storesFollow`: the stores are as the broken log says. */
  const testBroken = (list: readonly Broken[], storesFollow: boolean) => {
    for (const [what, violations, breakIt] of list)
      test(`${what}: ${violations.join(', ')}`, () => {
        breakIt();
        if (storesFollow) current.letStoresFollow();
        assert.equal(names(), violations);
      });
  };
  return { test, sale, names, testBroken };
}

export function last<T>(list: readonly T[]): T {
  const item = list.at(-1);
  if (item === undefined) throw new Error('the list is empty');
  return item;
}
