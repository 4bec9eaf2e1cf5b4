import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createSealedSecrets } from '../../src/webhooks/sealedSecrets.ts';

const [old, fresh] = ['an old key that is long enough for the tests', 'a new key that is long enough for the tests'];
const test = suite('the secrets of webhooks in MySQL');

test('a secret is whsec_ and 32 random bytes, and can be read again', () => {
  const sealed = createSealedSecrets(old);
  const secret = sealed.create();
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.not.equal(sealed.create(), secret);
  assert.equal(sealed.open(sealed.seal(secret, 'a'), 'a'), { secret, stale: false });
});

test('nothing of the secret is in what is stored, and the same secret is stored differently each time', () => {
  const sealed = createSealedSecrets(old);
  const secret = sealed.create();
  const [one, two] = [sealed.seal(secret, 'a'), sealed.seal(secret, 'a')];
  assert.not(one.equals(two));
  assert.is(one.includes(Buffer.from(secret.slice(6), 'base64')), false);
  assert.is(one.includes(secret.slice(6, 16)), false);
});

test('a secret that was moved to another endpoint, or changed in one bit, cannot be read', () => {
  const sealed = createSealedSecrets(old);
  const stored = sealed.seal(sealed.create(), 'a');
  assert.is(sealed.open(stored, 'b'), undefined);
  for (let i = 0; i < stored.length; i++) {
    const changed = Buffer.from(stored);
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.is(sealed.open(changed, 'a'), undefined);
  }
  assert.is(sealed.open(Buffer.alloc(3), 'a'), undefined);
});

test('a key that moves behind a new one still reads, and without it nothing does', () => {
  const before = createSealedSecrets(old);
  const secret = before.create();
  const stored = before.seal(secret, 'a');
  assert.equal(createSealedSecrets(`${fresh}, ${old}`).open(stored, 'a'), { secret, stale: true });
  assert.is(createSealedSecrets(fresh).open(stored, 'a'), undefined);
});

test.run();
