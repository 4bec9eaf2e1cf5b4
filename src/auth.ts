import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
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

export type Kind = 'customer' | 'seller';

const claimsSchema = z.object({
  sub: z.string().min(1),
  kind: z.enum(['customer', 'seller']),
  jti: z.string().min(1).max(64),
  /** Seconds since 1970. */
  exp: z.number(),
});
export type Claims = z.infer<typeof claimsSchema>;

/** The first part of every token that `issueToken` signs. */
const OUR_HEADER = `${Buffer.from(JSON.stringify({ alg: ALGORITHM, typ: 'JWT' })).toString('base64url')}.`;
const ourClaimsSchema = claimsSchema.extend({
  iss: z.literal(ISSUER),
  aud: z.literal(ISSUER),
  // We set no such limit; koa-jwt knows what to do with one.
  nbf: z.never().optional(),
});

/**
 * The claims of a token that we have signed ourselves, in a seventh of the time that koa-jwt takes. Undefined for everything else,
 * good or bad: it only ever says yes, and koa-jwt has the last word.
 */
export function readOwnToken(token: string, key: KeyObject): Claims | undefined {
  const signatureAt = token.lastIndexOf('.');
  if (!token.startsWith(OUR_HEADER) || signatureAt < OUR_HEADER.length) return undefined;
  // Compared as text: many spellings decode to the same bytes, and only one of them is ours.
  const expected = Buffer.from(createHmac('sha256', key).update(token.slice(0, signatureAt)).digest('base64url'));
  const given = Buffer.from(token.slice(signatureAt + 1));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  // Signed by us, so it is what we wrote.
  const payload = Buffer.from(token.slice(OUR_HEADER.length, signatureAt), 'base64url').toString();
  return ourClaimsSchema.safeParse(JSON.parse(payload)).data;
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
  const verify = (ctx: Context): Claims | undefined => {
    const { authorization = '' } = ctx.req.headers;
    const known = verified.get(authorization);
    const claims = known ?? readOwnToken(bareOrBearer(authorization), key);
    if (claims === undefined || claims.exp <= Math.floor(Date.now() / 1_000) || isRevoked(claims.jti)) return undefined;
    if (known === undefined) verified.set(authorization, claims);
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
