import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Claims, createTokenReader, createTokens } from '../../src/infra/tokens.ts';

// Which tokens are verified again. The memory of valid tokens must not change who is let in.

const secret = 'a secret of the tests that is long enough to be taken';
const test = suite('remembered valid tokens');

/** Given tokens, and the number of tokens that were verified. */
function given(readToken: (token: string) => Claims | undefined = createTokenReader(secret, 60)) {
  let verified = 0;
  const revoked = new Set<string>();
  const counting = (token: string) => {
    verified++;
    return readToken(token);
  };
  const tokens = createTokens(secret, 60, ({ jti }) => revoked.has(jti), counting);
  return { tokens, revoked, verified: () => verified };
}
/** A token that another process with the same secret has issued. */
const foreign = (username: string) => createTokens(secret, 60, () => false).issue(username, 'customer');

test('a token is verified when it comes first, and then only read', () => {
  const { tokens, verified } = given();
  const token = foreign('bob');

  for (let i = 0; i < 3; i++) assert.is(tokens.readHeader(token)?.sub, 'bob');

  assert.is(verified(), 1);
});

test('a token that this process has issued is not verified again when it is used', () => {
  const { tokens, verified } = given();
  const token = tokens.issue('bob', 'customer');
  const atLogIn = verified();

  assert.equal(
    { ...tokens.readHeader(`Bearer ${token}`), jti: '', exp: 0 },
    { sub: 'bob', kind: 'customer', jti: '', exp: 0 },
  );
  assert.is(tokens.readHeader(token)?.sub, 'bob');

  assert.is(verified(), atLogIn);
});

test('a token that differs from a remembered one in any character is verified, and refused', () => {
  const { tokens, verified } = given();
  const token = foreign('bob');
  tokens.readHeader(token);

  for (let place = 0; place < token.length; place++) {
    const other = token[place] === 'B' ? 'C' : 'B';
    assert.is(tokens.readHeader(token.slice(0, place) + other + token.slice(place + 1)), undefined, `at ${place}`);
  }

  assert.is(verified(), 1 + token.length);
});

test('a token that is invalid is verified each time', () => {
  const { tokens, verified } = given();

  for (let i = 0; i < 3; i++) assert.is(tokens.readHeader('eyJ.eyJ.x'), undefined);

  assert.is(verified(), 3);
});

test('a remembered token is refused after it was revoked', () => {
  const { tokens, revoked } = given();
  const token = foreign('bob');
  revoked.add(tokens.readHeader(token)?.jti ?? '');

  assert.is(tokens.readHeader(token), undefined);
});

const claimsOf = (username: string): Claims => ({
  sub: username,
  kind: 'customer',
  jti: '01234567-89ab-7cde-8f01-23456789abcd',
  exp: 4_000_000_000,
});

test('the tokens of a crowd of 100,000 are remembered: the second time, none is verified', () => {
  const { tokens, verified } = given(claimsOf);
  const crowd = Array.from({ length: 100_000 }, (_, i) => `customer-${i}`);

  for (let time = 0; time < 2; time++) for (const token of crowd) tokens.readHeader(token);

  assert.is(verified(), 100_000);
});

test('the memory is bounded by bytes: 32 MiB are 87,381 tokens with a name of 64 characters', () => {
  const { tokens, verified } = given(claimsOf);
  const crowd = Array.from({ length: 100_000 }, (_, i) => String(i).padStart(64, 'x'));
  for (const token of crowd) tokens.readHeader(token);

  // The newest first, so that no remembered token makes room before its turn.
  for (const token of crowd.slice(-90_000).reverse()) tokens.readHeader(token);

  assert.is(100_000 + 90_000 - verified(), 87_381);
});

test.run();
