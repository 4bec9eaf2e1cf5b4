import { randomFillSync } from 'node:crypto';

// The code of a piece, which the customer shows at the till: 12 characters, such as 7K3M-9QTX-2WEC. The first character leads to the
// partition of the coupon, the last one is a check character, and 51 bits are random: with a million good codes in a partition, one
// guess in two thousand million is right.

/** Digits and capitals without I, L, O and U. Each character has five bits. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
export const CODE_LENGTH = 12;
const GROUP = 4;
const PARTITION_BITS = 4;

/** x^5 + x^2 + 1: with this polynomial the five-bit numbers are a field. */
const POLYNOMIAL = 0b100101;
const valueByCharacter = new Map([...ALPHABET].map((character, value) => [character, value]));

const timesTwo = (value: number) => ((value << 1) & 32 ? (value << 1) ^ POLYNOMIAL : value << 1);

/**
 * The sum of all values, each times a power of two of its own. It changes with every single wrong character and with every exchange
 * of two characters.
 */
const checkOf = (values: readonly number[]) => values.reduce((sum, value) => timesTwo(sum ^ value), 0);

/** Random bytes are fetched for many codes at a time: a call for each would cost as much as all the rest. */
const pool = new Uint8Array((CODE_LENGTH - 1) * 512);
let used = pool.length;

/** A new code for a coupon of this partition, 0 to 15. */
export function newCode(partition: number): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  let code = '';
  let check = 0;
  for (let place = 0; place < CODE_LENGTH - 1; place++) {
    const random = (pool[used++] ?? 0) & 31;
    const value = place === 0 ? (random & (1 << PARTITION_BITS)) | partition : random;
    code += ALPHABET[value];
    check = timesTwo(check ^ value);
  }
  return code + ALPHABET[check];
}

/** The partition that a code leads to. */
export const partitionOfCode = (code: string) =>
  (valueByCharacter.get(code.charAt(0)) ?? 0) & ((1 << PARTITION_BITS) - 1);

/** The code as it is printed: three groups of four. */
export const groupedCode = (code: string) =>
  [code.slice(0, GROUP), code.slice(GROUP, 2 * GROUP), code.slice(2 * GROUP)].join('-');

/**
 * The code that a person typed, in any case, with or without separators, and with O for 0 and I or L for 1. Undefined when the check
 * character shows that it was mistyped.
 */
export function readCode(typed: string): string | undefined {
  const code = typed.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  const values = [...code].map((character) => valueByCharacter.get(character));
  if (values.length !== CODE_LENGTH || values.includes(undefined)) return undefined;
  const [check, ...rest] = (values as number[]).reverse();
  return checkOf(rest.reverse()) === check ? code : undefined;
}
