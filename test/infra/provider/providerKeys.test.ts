import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openProviderKeys } from '../../../src/infra/provider/providerKeys.ts';
import { createProviderTokens } from '../../../src/infra/provider/providerTokens.ts';
import { createLog } from '../../../src/infra/telemetry/log.ts';
import { createTokens } from '../../../src/infra/tokens.ts';
import { OperatorError } from '../../../src/operatorError.ts';
import { Unavailable } from '../../../src/unavailable.ts';
import { AUDIENCE, createKey, openIdentityProvider } from '../../support/identityProvider.ts';

// The keys of a real identity provider: how often they are fetched, and what happens when the provider changes them or is away.

const log = createLog('silent');
const provider = await openIdentityProvider();
const { issuer } = provider;
const settings = {
  issuer,
  jwksUrl: undefined,
  audiences: [AUDIENCE],
  algorithms: ['RS256', 'ES256', 'EdDSA'],
  subjectClaim: 'sub',
  kindClaim: undefined,
  sellerValues: [],
  customerValues: [],
  namePrefix: '',
};
const test = suite('the keys of the identity provider');

/** Given a reader of tokens with keys of its own. */
async function given(times: { cooldownMs: number; refreshMs?: number }) {
  const { keys, close } = await openProviderKeys(settings, log, times);
  const ofProvider = createProviderTokens(settings, keys, () => {});
  const { read } = ofProvider;
  const tokens = createTokens('a secret of the tests that is long enough', 60, () => false, undefined, ofProvider);
  const readSub = async (token: string) => {
    const claims = await read(token).catch((error) => {
      if (error instanceof Unavailable) return 'unavailable';
      throw error;
    });
    return typeof claims === 'object' ? claims.sub : claims;
  };
  return { keys, readSub, tokens, close };
}
const unknownKey = () => provider.forge({ header: { kid: `unknown-${Math.random()}` } });

test.before.each(async () => {
  await provider.stop();
  await provider.start();
});

test('tokens with 500 unknown keys cost one fetch, and get no answer that may be false', async () => {
  const { readSub, close } = await given({ cooldownMs: 60_000 });
  const fetched = provider.keyRequests();

  const outcomes = new Set<unknown>();
  for (let i = 0; i < 500; i++) outcomes.add(await readSub(await unknownKey()));

  assert.equal([...outcomes], ['unavailable']);
  assert.is(provider.keyRequests(), fetched);
  await close();
});

test('500 tokens with unknown keys at once share a fetch, after which they are invalid', async () => {
  const { readSub, close } = await given({ cooldownMs: 100 });
  await sleep(150);
  const tokens = await Promise.all(Array.from({ length: 500 }, unknownKey));
  const fetched = provider.keyRequests();

  const outcomes = await Promise.all(tokens.map(readSub));

  assert.equal([...new Set(outcomes)], ['invalid']);
  assert.is(provider.keyRequests(), fetched + 1);
  await close();
});

test('a token with a new key is valid after one fetch, and tokens with the old key stay valid', async () => {
  const { keys, readSub, close } = await given({ cooldownMs: 100 });
  const old = await provider.issue({ sub: 'old' });
  await provider.stop();
  const added = createKey('RS256');
  await provider.start([added, ...provider.keys]);
  await sleep(150);

  const token = await provider.issue({ sub: 'new' });
  assert.is(decodeProtectedHeader(token).kid, added.kid);

  assert.equal([await readSub(token), await readSub(old)], ['new', 'old']);
  assert.is(keys.keySet(), 1);
  await close();
});

test('tokens with known keys stay valid while the port of the provider is closed', async () => {
  const { keys, readSub, close } = await given({ cooldownMs: 20, refreshMs: 20 });
  const [rs, es, ed] = await Promise.all(
    (['RS256', 'ES256', 'EdDSA'] as const).map((alg) => provider.issue({ sub: alg, alg })),
  );
  await provider.stop();
  await sleep(100);

  assert.equal(
    [await readSub(rs ?? ''), await readSub(es ?? ''), await readSub(ed ?? '')],
    ['RS256', 'ES256', 'EdDSA'],
  );
  assert.is(await readSub(await unknownKey()), 'unavailable');
  assert.is(keys.keySet(), 1);
  await close();
});

test('a provider that is away at the start is found when it is back', async () => {
  const token = await provider.issue({ sub: 'early' });
  await provider.stop();
  const { readSub, close } = await given({ cooldownMs: 100 });
  assert.is(await readSub(token), 'unavailable');
  await provider.start();
  await sleep(150);

  assert.is(await readSub(token), 'early');
  await close();
});

test('when the provider withdraws a key, tokens that were verified before must be verified again', async () => {
  const { keys, readSub, tokens, close } = await given({ cooldownMs: 10, refreshMs: 200 });
  const token = await provider.issue({ sub: 'tom' });
  await tokens.readOfProvider?.(token);
  assert.is(tokens.readHeader(token)?.sub, 'tom');
  await provider.stop();
  await provider.start(provider.keys.map(({ alg }) => createKey(alg)));

  for (let waits = 0; keys.keySet() === 1 && waits < 500; waits++) await sleep(20);

  assert.is(tokens.readHeader(token), undefined);
  assert.is(await readSub(token), 'invalid');
  await close();
});

test('an answer without keys does not replace the keys', async () => {
  const { keys, readSub, close } = await given({ cooldownMs: 10, refreshMs: 30 });
  const token = await provider.issue({ sub: 'tom' });
  await provider.stop();
  await provider.start([createKey('RS256')]);
  // oidc-provider refuses to start without keys, so its answer is changed on the way.
  provider.answerKeys({ keys: [] });
  await sleep(100);

  assert.is(await readSub(token), 'tom');
  assert.is(keys.keySet(), 1);
  await close();
});

test('a provider with another issuer than the setting is refused', async () => {
  const other = { issuer: issuer.replace('127.0.0.1', 'localhost'), jwksUrl: undefined };

  const error = await openProviderKeys(other, log).catch((reason) => reason);

  assert.instance(error, OperatorError);
  assert.match(error.message, 'AUTH_ISSUER: the provider calls itself');
});

test.after(() => provider.stop());
test.run();
