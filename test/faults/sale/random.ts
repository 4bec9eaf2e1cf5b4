import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random choices from a seed: the same seed makes the same choices. */
export interface Random {
  /** A whole number from `min` to `max`, both inclusive. */
  int(min: number, max: number): number;
  /** True with this probability in percent. */
  percent(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  shuffled<T>(list: readonly T[]): T[];
}

export const LARGEST_SEED = 0x7fff_ffff;

export function createRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const int = (min: number, max: number) => uniformInt(generator, min, max);
  const pick = <T>(list: readonly T[]): T => {
    const [picked] = list.slice(int(0, list.length - 1));
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  };
  return {
    int,
    percent: (probability) => int(1, 100) <= probability,
    pick,
    shuffled(list) {
      const places = list.map((item) => ({ item, place: int(0, LARGEST_SEED) }));
      return places.sort((a, b) => a.place - b.place).map(({ item }) => item);
    },
  };
}
