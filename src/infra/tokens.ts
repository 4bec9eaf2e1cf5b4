import { createHmac, createSecretKey, hash, type KeyObject, randomBytes } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import jsonwebtoken from 'jsonwebtoken';
import { LRUCache } from 'lru-cache';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { secretsOf } from '../jwtSecrets.ts';

export const ALGORITHM = 'HS256';
/** Both the issuer and the audience. */
export const ISSUER = 'seckill';
/** Enough for the tokens of 100,000 customers. */
const MAX_VERIFIED_BYTES = 32 * 1_024 * 1_024;
/** A remembered token without its texts, measured with 100,000 of them: digest, claims, and its place in the cache. */
const VERIFIED_BYTES = 220;
/** The clock of the process that issued a token may be ahead of this clock by so much. */
export const CLOCK_TOLERANCE_SECONDS = 60;

export type Kind = 'customer' | 'seller';

const claimsSchema = z.object({
  sub: z.string().min(1),
  kind: z.enum(['customer', 'seller']),
  jti: z.string().min(1).max(64),
  /** Seconds since 1970. */
  exp: z.number(),
  iat: z.number(),
});
export type Claims = Omit<z.infer<typeof claimsSchema>, 'iat'> & {
  /** Only claims of the identity provider have it: the number of the keys that verified their token. */
  keySet?: number;
};
/** The user that a command or a query runs for. */
export type User = Pick<Claims, 'sub' | 'kind'>;

/** `issuedAt`: milliseconds since 1970, now unless it is given. */
export type IssueToken = (username: string, kind: Kind, issuedAt?: number) => string;
/** `authorization`: the header as the client sent it, or an empty string. Undefined unless it holds a valid token. */
export type ReadHeader = (authorization: string) => Claims | undefined;

export interface Tokens {
  issue: IssueToken;
  readHeader: ReadHeader;
  /** Reads a token of the identity provider that is not remembered. Without a provider, no function is here. */
  readOfProvider: ProviderTokens['read'] | undefined;
  isRevoked(claims: Claims): boolean;
  /** The key that verifies the token; undefined when no key of this server may verify it. */
  keyFor(token: string): KeyObject | undefined;
  /** The claims of a payload whose signature is valid; undefined when this server cannot have issued such claims. */
  claimsIn(payload: unknown): Claims | undefined;
}

/** The tokens of the identity provider (src/infra/provider). */
export interface ProviderTokens {
  /** Undefined for a token that cannot be the provider's. Throws Unavailable when its key is not known. */
  read(token: string): Promise<Claims | 'invalid' | 'expired' | undefined>;
  /** Claims with another `keySet` are no longer valid: their token must be verified again. */
  keySet(): number;
  /** Called each time that a valid token is read. */
  accepted(claims: Claims): void;
}

/**
 * `jwtSecret`: the setting, whose first secret signs. `isRevoked` is called each time that a token is read, and `readToken` for each
 * token that is not remembered. `provider`: the identity provider, if its tokens are accepted.
 */
export function createTokens(
  jwtSecret: string,
  ttlSeconds: number,
  isRevoked: (claims: Claims) => boolean,
  readToken = createTokenReader(jwtSecret, ttlSeconds),
  provider?: ProviderTokens,
): Tokens {
  const issue = createTokenIssuer(jwtSecret, ttlSeconds);
  const { readHeader, readOfProvider } = createHeaderReader(readToken, isRevoked, provider);
  return {
    issue(username, kind, issuedAt) {
      const token = issue(username, kind, issuedAt);
      // The log-in pays for the verification, and not the first grab of the customer.
      readHeader(token);
      return token;
    },
    readHeader,
    readOfProvider,
    isRevoked,
    keyFor: createKeyFinder(jwtSecret),
    claimsIn: (payload) => claimsIn(payload, ttlSeconds),
  };
}

/** Without local accounts: only tokens of the identity provider are valid. */
export const createProviderTokensOnly = (isRevoked: (claims: Claims) => boolean, provider: ProviderTokens): Tokens => ({
  ...createTokens(randomBytes(32).toString('hex'), 1, isRevoked, () => undefined, provider),
  keyFor: () => undefined,
});

/** A KeyObject instead of a string: jsonwebtoken would try to parse a string as a public key first, at every request. */
const keyOf = (secret: string): KeyObject => createSecretKey(Buffer.from(secret));

/** The id in the header of tokens (`kid`). The secret does not follow from it, and it is no signature of any token. */
const kidOf = (secret: string) => createHmac('sha256', secret).update('kid').digest('base64url').slice(0, 12);

export function createTokenIssuer(jwtSecret: string, ttlSeconds: number): IssueToken {
  const [secret = ''] = secretsOf(jwtSecret);
  const key = keyOf(secret);
  const keyid = kidOf(secret);
  return (username, kind, issuedAt = Date.now()) =>
    jsonwebtoken.sign({ kind, iat: Math.floor(issuedAt / 1_000) }, key, {
      algorithm: ALGORITHM,
      keyid,
      issuer: ISSUER,
      audience: ISSUER,
      subject: username,
      jwtid: uuidv7(),
      expiresIn: ttlSeconds,
    });
}

/**
 * Finds the key by `kid`. Tokens of earlier releases have no `kid`: theirs is the key that has signed them. A header with `crit` names
 * extensions that a reader must understand, and this server understands none.
 */
function createKeyFinder(jwtSecret: string): (token: string) => KeyObject | undefined {
  const keys = new Map(secretsOf(jwtSecret).map((secret) => [kidOf(secret), keyOf(secret)]));
  return (token) => {
    try {
      const header = jsonwebtoken.decode(token, { complete: true })?.header;
      if (header === undefined || 'crit' in header) return undefined;
      return 'kid' in header ? keys.get(header.kid ?? '') : [...keys.values()].find((key) => hasSigned(key, token));
    } catch {
      return undefined;
    }
  };
}

function hasSigned(key: KeyObject, token: string): boolean {
  try {
    jsonwebtoken.verify(token, key, { algorithms: [ALGORITHM], ignoreExpiration: true, ignoreNotBefore: true });
    return true;
  } catch {
    return false;
  }
}

const kinds = { customer: 'customer', seller: 'seller' } as const;

function claimsIn(payload: unknown, ttlSeconds: number): Claims | undefined {
  const { data } = claimsSchema.safeParse(payload);
  if (data === undefined) return undefined;
  const { sub, kind, jti, exp, iat } = data;
  if (exp - iat > ttlSeconds || iat > Date.now() / 1_000 + CLOCK_TOLERANCE_SECONDS) return undefined;
  // All claims have one shape and share the texts of `kind`, because many are remembered.
  return { sub, kind: kinds[kind], jti, exp };
}

/** A signature has 256 bits in 43 characters, so the last two bits of its last character are zeros. */
const LAST_CHARACTERS = 'AEIMQUYcgkosw048';

/** The encoded header of a token that `createTokenIssuer` makes; without `keyid`, of a token of an earlier release. */
const encodedHeader = (keyid?: string) =>
  Buffer.from(JSON.stringify({ alg: ALGORITHM, typ: 'JWT', kid: keyid })).toString('base64url');

/**
 * Reads a valid token in half of the time that koa-jwt takes. Undefined for everything else: this reader only accepts tokens, and
 * koa-jwt decides about the rest. The header is not parsed: it must be one that this server writes, so it holds no `crit`.
 */
export function createTokenReader(jwtSecret: string, ttlSeconds: number): (token: string) => Claims | undefined {
  const readers = new Map<string, ((token: string) => unknown)[]>([[encodedHeader(), []]]);
  for (const secret of secretsOf(jwtSecret)) {
    const read = createVerifier({
      key: secret,
      algorithms: [ALGORITHM],
      allowedIss: ISSUER,
      allowedAud: ISSUER,
      requiredClaims: ['iss', 'aud', 'exp'],
      // `createHeaderReader` has a cache of its own.
      cache: false,
    });
    readers.set(encodedHeader(kidOf(secret)), [read]);
    readers.get(encodedHeader())?.push(read);
  }
  return (token) => {
    // fast-jwt ignores those two bits, koa-jwt does not.
    if (!LAST_CHARACTERS.includes(token.at(-1) ?? '')) return undefined;
    for (const read of readers.get(token.slice(0, token.indexOf('.'))) ?? []) {
      try {
        return claimsIn(read(token), ttlSeconds);
      } catch {
        // The next secret may have signed the token.
      }
    }
    return undefined;
  };
}

/**
 * Reads the header `Authorization` and remembers the claims of valid tokens. The key is a digest of the whole token, so a token with any
 * difference is verified anew. A verified token stays valid until it expires or is revoked, or until the identity provider withdraws a
 * key, which is checked at each request.
 */
function createHeaderReader(
  readToken: (token: string) => Claims | undefined,
  isRevoked: (claims: Claims) => boolean,
  provider: ProviderTokens | undefined,
) {
  const verified = new LRUCache<string, Claims>({
    maxSize: MAX_VERIFIED_BYTES,
    sizeCalculation: ({ sub, jti }) => VERIFIED_BYTES + 2 * sub.length + jti.length,
  });
  // Half of the memory of the token itself, and as fast: the cache compares 32 bytes instead of 300.
  const digestOf = (token: string) => hash('sha256', token, 'binary');
  const isValid = (claims: Claims): boolean => {
    if (claims.exp <= Math.floor(Date.now() / 1_000) || isRevoked(claims)) return false;
    if (claims.keySet === undefined) return true;
    if (claims.keySet !== provider?.keySet()) return false;
    provider.accepted(claims);
    return true;
  };
  const readHeader: ReadHeader = (authorization) => {
    const token = bareToken(authorization);
    const digest = digestOf(token);
    const known = verified.get(digest);
    const claims = known ?? readToken(token);
    if (claims === undefined || !isValid(claims)) return undefined;
    if (known === undefined) verified.set(digest, claims);
    return claims;
  };
  const readOfProvider = async ({ read }: ProviderTokens, token: string) => {
    const claims = await read(token);
    if (typeof claims !== 'object') return claims;
    // A key may have been withdrawn, or the token revoked, during the verification.
    if (!isValid(claims)) return 'invalid';
    verified.set(digestOf(token), claims);
    return claims;
  };
  return { readHeader, readOfProvider: provider && ((token: string) => readOfProvider(provider, token)) };
}

/** The token without the word `Bearer`, which clients may leave out. */
export const bareToken = (authorization: string) => authorization.trim().replace(/^Bearer\s+/i, '');
