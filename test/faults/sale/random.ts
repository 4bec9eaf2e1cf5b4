import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** The one source of chance in a round: the same seed plans the same round. */
export interface Random {
  /** A whole number from `min` to `max`, both inclusive. */
  int(min: number, max: number): number;
  /** True in so many of 100 cases. */
  percent(share: number): boolean;
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
    percent: (share) => int(1, 100) <= share,
    pick,
    shuffled(list) {
      const places = list.map((item) => ({ item, place: int(0, LARGEST_SEED) }));
      return places.sort((a, b) => a.place - b.place).map(({ item }) => item);
    },
  };
}
