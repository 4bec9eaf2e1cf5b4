import { randomInt } from 'node:crypto';

/** With 16 bits a name and 6 probes, one in a thousand names that were not added is taken for one that was. */
const BITS_PER_NAME = 16;
const PROBES = 6;

/** The memory of a filter for this many names. */
export const filterBytes = (names: number) => 4 * Math.ceil((Math.max(names, 4) * BITS_PER_NAME) / 32);

export interface NameFilter {
  add(name: string): void;
  /** True for every name that was added; false for nearly every other name. */
  mayHave(name: string): boolean;
}

/**
 * A Bloom filter for about this many names. The seed is random, so that a client cannot compute which names share their bits with
 * others. A name that does costs a script call, as each name did without the filter, and gets the right answer from it.
 */
export function createNameFilter(names: number, seed = randomInt(2 ** 32)): NameFilter {
  const words = new Uint32Array(filterBytes(names) / 4);
  const bits = 32 * words.length;
  // The second half of the last hash: a function that returned both would allocate.
  let step = 0;
  const hash = (name: string): number => {
    let [a, b] = [seed, ~seed];
    for (let i = 0; i < name.length; i++) {
      const unit = name.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x9e3779b1);
      a ^= a >>> 15;
      b = Math.imul(b ^ unit, 0x85ebca77);
      b ^= b >>> 13;
    }
    step = mixed(b) | 1;
    return mixed(a ^ b);
  };
  return {
    add(name) {
      let at = hash(name);
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = (at >>> 0) % bits;
        words[bit >>> 5] = (words[bit >>> 5] as number) | (1 << (bit & 31));
        at = (at + step) | 0;
      }
    },
    mayHave(name) {
      let at = hash(name);
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = (at >>> 0) % bits;
        if (((words[bit >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
        at = (at + step) | 0;
      }
      return true;
    },
  };
}

/** Spreads the entropy of a hash over all its bits. */
function mixed(hash: number): number {
  let mix = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  mix = Math.imul(mix ^ (mix >>> 15), 0x735a2d97);
  return mix ^ (mix >>> 15);
}
