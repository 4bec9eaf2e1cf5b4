import { createSecretKey, type KeyObject } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import jsonwebtoken from 'jsonwebtoken';
import { createLRU } from 'lru.min';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';

export const ALGORITHM = 'HS256';
/** Both the issuer and the audience. */
export const ISSUER = 'seckill';
/** About 10 MB of memory: enough for the customers who send several requests during a sale. */
const MAX_VERIFIED = 16_384;
/** No header with one of our tokens is longer, unless the client pads it with spaces. */
const MAX_HEADER = 1_024;

export type Kind = 'customer' | 'seller';

export const claimsSchema = z.object({
  sub: z.string().min(1),
  kind: z.enum(['customer', 'seller']),
  jti: z.string().min(1).max(64),
  /** Seconds since 1970. */
  exp: z.number(),
});
export type Claims = z.infer<typeof claimsSchema>;
/** The user that a command or a query runs for. */
export type User = Pick<Claims, 'sub' | 'kind'>;

export type IssueToken = (username: string, kind: Kind) => string;
/** `authorization`: the header as the client sent it, or an empty string. Undefined unless it holds a valid token. */
export type ReadHeader = (authorization: string) => Claims | undefined;

export interface Tokens {
  issue: IssueToken;
  readHeader: ReadHeader;
  isRevoked(jti: string): boolean;
  /** Signs and verifies. */
  key: KeyObject;
}

/** `isRevoked` is called each time that a token is read. */
export function createTokens(secret: string, ttlSeconds: number, isRevoked: (jti: string) => boolean): Tokens {
  return {
    issue: createTokenIssuer(secret, ttlSeconds),
    readHeader: createHeaderReader(secret, isRevoked),
    isRevoked,
    key: keyOf(secret),
  };
}

/** A KeyObject instead of a string: jsonwebtoken would try to parse a string as a public key first, at every request. */
const keyOf = (secret: string): KeyObject => createSecretKey(Buffer.from(secret));

export function createTokenIssuer(secret: string, ttlSeconds: number): IssueToken {
  const key = keyOf(secret);
  return (username, kind) =>
    jsonwebtoken.sign({ kind }, key, {
      algorithm: ALGORITHM,
      issuer: ISSUER,
      audience: ISSUER,
      subject: username,
      jwtid: uuidv7(),
      expiresIn: ttlSeconds,
    });
}

/**
 * Reads a valid token in half of the time that koa-jwt takes. Undefined for everything else: this reader only accepts tokens, and
 * koa-jwt decides which refusal the rest gets.
 */
export function createTokenReader(secret: string): (token: string) => Claims | undefined {
  const read = createVerifier({
    key: secret,
    algorithms: [ALGORITHM],
    allowedIss: ISSUER,
    allowedAud: ISSUER,
    requiredClaims: ['iss', 'aud', 'exp'],
    // `createHeaderReader` has a cache of its own, by the whole header.
    cache: false,
  });
  return (token) => {
    try {
      return claimsSchema.safeParse(read(token)).data;
    } catch {
      return undefined;
    }
  };
}

/**
 * Reads the header `Authorization` and caches the claims of valid tokens. The cache key is the whole header, so that a header with
 * any difference is verified anew. A verified token stays valid until it expires or is revoked, which is checked at each request.
 */
function createHeaderReader(secret: string, isRevoked: (jti: string) => boolean): ReadHeader {
  const verified = createLRU<string, Claims>({ max: MAX_VERIFIED });
  const readToken = createTokenReader(secret);
  return (authorization) => {
    const known = verified.get(authorization);
    const claims = known ?? readToken(bareToken(authorization));
    if (claims === undefined || claims.exp <= Math.floor(Date.now() / 1_000) || isRevoked(claims.jti)) return undefined;
    if (known === undefined && authorization.length <= MAX_HEADER) verified.set(authorization, claims);
    return claims;
  };
}

/** The token without the word `Bearer`, which clients may leave out. */
export const bareToken = (authorization: string) => authorization.trim().replace(/^Bearer\s+/i, '');
