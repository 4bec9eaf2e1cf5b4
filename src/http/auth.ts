import { createSecretKey } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import jsonwebtoken from 'jsonwebtoken';
import type { Context, Middleware } from 'koa';
import koaJwt from 'koa-jwt';
import { createLRU } from 'lru.min';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { notAuthorized } from './errors.ts';

const ALGORITHM = 'HS256';
const ISSUER = 'seckill';
/** About 10 MB. Whoever comes again while a sale runs is among them. */
const MAX_VERIFIED = 16_384;
/** Of the longest name; a header may have been made longer with spaces. */
const MAX_HEADER = 1_024;

export type Kind = 'customer' | 'seller';

const claimsSchema = z.object({
  sub: z.string().min(1),
  kind: z.enum(['customer', 'seller']),
  jti: z.string().min(1).max(64),
  /** Seconds since 1970. */
  exp: z.number(),
});
export type Claims = z.infer<typeof claimsSchema>;

/**
 * Reads a good token in half of the time that koa-jwt takes. Undefined for everything else: it only ever says yes, and koa-jwt has
 * the last word.
 */
export function createTokenReader(secret: string): (token: string) => Claims | undefined {
  const read = createVerifier({
    key: secret,
    algorithms: [ALGORITHM],
    allowedIss: ISSUER,
    allowedAud: ISSUER,
    requiredClaims: ['iss', 'aud', 'exp'],
    // What was read is remembered by the whole header, below.
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

export interface Auth {
  issueToken(username: string, kind: Kind): string;
  /** 401 unless the request carries a valid token; the handler then finds its claims with `claimsOf`. */
  required: Middleware;
  /** The same, but a request without a valid token goes on without claims. */
  optional: Middleware;
}

export function createAuth(secret: string, ttlSeconds: number, isRevoked: (jti: string) => boolean): Auth {
  // As a KeyObject: given a string, jsonwebtoken tries to read a public key out of it first, at every request.
  const key = createSecretKey(Buffer.from(secret));
  const options: koaJwt.Options = {
    // koa-jwt's types know strings and Buffers; it hands the secret to jsonwebtoken, which takes a KeyObject as well.
    secret: key as unknown as Buffer,
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience: ISSUER,
    getToken: (ctx) => bareOrBearer(ctx.get('authorization')),
    // The one hook between the signature and the handler. jsonwebtoken lets a token pass that has no exp or jti; we don't.
    async isRevoked(_ctx, decoded) {
      const claims = claimsSchema.safeParse(decoded);
      if (!claims.success) throw notAuthorized();
      return isRevoked(claims.data.jti);
    },
  };
  // By the whole header, so that nothing of it can be another's. What was good once is good again, but for time and revocation.
  const verified = createLRU<string, Claims>({ max: MAX_VERIFIED });
  const readToken = createTokenReader(secret);
  const verify = (ctx: Context): Claims | undefined => {
    const { authorization = '' } = ctx.req.headers;
    const known = verified.get(authorization);
    const claims = known ?? readToken(bareOrBearer(authorization));
    if (claims === undefined || claims.exp <= Math.floor(Date.now() / 1_000) || isRevoked(claims.jti)) return undefined;
    if (known === undefined && authorization.length <= MAX_HEADER) verified.set(authorization, claims);
    return claims;
  };
  /** koa-jwt says what is to be said of a token that is not plainly good. */
  const quicker =
    (slower: Middleware): Middleware =>
    (ctx, next) => {
      const claims = verify(ctx);
      if (claims === undefined) return slower(ctx, next);
      ctx.state.user = claims;
      return next();
    };
  return {
    issueToken: (username, kind) =>
      jsonwebtoken.sign({ kind }, key, {
        algorithm: ALGORITHM,
        issuer: ISSUER,
        audience: ISSUER,
        subject: username,
        jwtid: uuidv7(),
        expiresIn: ttlSeconds,
      }),
    required: quicker(koaJwt(options)),
    optional: quicker(koaJwt({ ...options, passthrough: true })),
  };
}

const bareOrBearer = (authorization: string) => authorization.trim().replace(/^Bearer\s+/i, '');

/** The claims that `required` or `optional` found. */
export const claimsOf = (ctx: Context) => ctx.state.user as Claims | undefined;

/** The same behind `required`. */
export function requireClaims(ctx: Context): Claims {
  const claims = claimsOf(ctx);
  if (claims === undefined) throw notAuthorized();
  return claims;
}
