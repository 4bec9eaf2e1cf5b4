import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type HeldPiece, readPieces, writePieces } from '../../src/coupon/holderValue.ts';

const test = suite('the pieces of a customer in Redis');

const values: [what: string, value: string, pieces: HeldPiece[]][] = [
  ['a grab of the first releases', '17', [{ grab: 17, code: undefined, idempotencyKey: undefined }]],
  [
    'a grab of the first releases with a key',
    '17 a key, 2',
    [{ grab: 17, code: undefined, idempotencyKey: 'a key, 2' }],
  ],
  ['a grab with a code', '17,7K3M9QTX2WEC', [{ grab: 17, code: '7K3M9QTX2WEC', idempotencyKey: undefined }]],
  [
    'several grabs with codes and keys',
    '17,7K3M9QTX2WEC k\n19,7K3M9QTX2WED',
    [
      { grab: 17, code: '7K3M9QTX2WEC', idempotencyKey: 'k' },
      { grab: 19, code: '7K3M9QTX2WED', idempotencyKey: undefined },
    ],
  ],
  [
    'a grab with a key that has a line separator of Unicode',
    '17,7K3M9QTX2WEC a\u2028b\u2029',
    [{ grab: 17, code: '7K3M9QTX2WEC', idempotencyKey: 'a\u2028b\u2029' }],
  ],
  ['no piece', '', []],
];
for (const [what, value, pieces] of values) {
  test(`${what} is read and written as the scripts do`, () => {
    assert.equal(readPieces(value), pieces);
    assert.is(writePieces(pieces), value);
  });
}

test('a customer that the hash lacks has no piece', () => {
  assert.equal(readPieces(null), []);
});

test('a text that no script has written is a piece of no version', () => {
  assert.ok(Number.isNaN(readPieces('x,1')[0]?.grab));
});

test.run();
