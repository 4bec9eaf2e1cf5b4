import { KeyObject, verify } from 'node:crypto';
import type { CryptoKey, JWTPayload } from 'jose';
import { CLOCK_TOLERANCE_SECONDS } from '../tokens.ts';

/** How the signature of each algorithm is verified, and with which keys. Any other key is left to jose. */
const algorithms: Record<string, { digest: string | null; fits: (key: KeyObject) => boolean }> = {
  RS256: {
    digest: 'RSA-SHA256',
    fits: ({ asymmetricKeyType, asymmetricKeyDetails }) =>
      asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2_048,
  },
  ES256: {
    digest: 'SHA256',
    fits: ({ asymmetricKeyType, asymmetricKeyDetails }) =>
      asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1',
  },
  EdDSA: { digest: null, fits: ({ asymmetricKeyType }) => asymmetricKeyType === 'ed25519' },
};

const keyObjects = new WeakMap<CryptoKey, KeyObject>();
function keyObjectOf(key: CryptoKey): KeyObject {
  const found = keyObjects.get(key) ?? KeyObject.from(key as Parameters<typeof KeyObject.from>[0]);
  keyObjects.set(key, found);
  return found;
}

/**
 * Reads a good token of the provider in half of the time that jose takes on the main thread; node:crypto verifies the signature in a
 * thread. 'forged': the signature is wrong. Undefined: jose has to decide, also when a claim is not plainly good.
 */
export async function readGoodToken(
  token: string,
  alg: string,
  key: CryptoKey,
  expected: { issuer: string; audience: readonly string[] },
): Promise<JWTPayload | 'forged' | undefined> {
  const algorithm = Object.hasOwn(algorithms, alg) ? algorithms[alg] : undefined;
  const [, body = '', signature = '', ...more] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  // Buffer passes over characters that base64url does not have.
  if (more.length > 0 || bytes.toString('base64url') !== signature) return undefined;
  const publicKey = keyObjectOf(key);
  if (algorithm === undefined || publicKey.type !== 'public' || !algorithm.fits(publicKey)) return undefined;
  const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')));
  const isGood = await new Promise<boolean>((resolve, reject) =>
    verify(algorithm.digest, signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, bytes, (error, good) =>
      error ? reject(error) : resolve(good),
    ),
  );
  return isGood ? plainlyGood(body, expected) : 'forged';
}

function plainlyGood(body: string, { issuer, audience }: { issuer: string; audience: readonly string[] }) {
  let claims: JWTPayload;
  try {
    claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  } catch {
    return undefined;
  }
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined;
  const { iss, aud, exp, nbf = 0, iat = 0 } = claims;
  const now = Date.now() / 1_000;
  const isForUs =
    typeof aud === 'string' ? audience.includes(aud) : Array.isArray(aud) && aud.some((one) => audience.includes(one));
  const isTimely =
    typeof exp === 'number' &&
    exp > now &&
    typeof iat === 'number' &&
    typeof nbf === 'number' &&
    nbf <= now + CLOCK_TOLERANCE_SECONDS;
  return iss === issuer && isForUs && isTimely ? claims : undefined;
}
