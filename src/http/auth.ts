import type { Context, Middleware } from 'koa';
import koaJwt from 'koa-jwt';
import { ALGORITHM, bareToken, type Claims, claimsSchema, ISSUER, type Tokens } from '../infra/tokens.ts';
import { notAuthorized } from './errors.ts';

export interface Auth {
  /** 401 unless the request has a valid token; the handler then reads the token's claims with `requireClaims`. */
  required: Middleware;
  /** The same, but a request without a valid token continues without claims. */
  optional: Middleware;
}

/** The middleware that authenticates a request by its token. */
export function createAuth(tokens: Tokens): Auth {
  const options: koaJwt.Options = {
    // koa-jwt's types allow strings and Buffers; it passes the secret to jsonwebtoken, which takes a KeyObject as well.
    secret: tokens.key as unknown as Buffer,
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience: ISSUER,
    getToken: (ctx) => bareToken(ctx.get('authorization')),
    // The one hook between the signature and the handler. jsonwebtoken accepts a token without exp or jti; this hook does not.
    async isRevoked(_ctx, decoded) {
      const claims = claimsSchema.safeParse(decoded);
      if (!claims.success) throw notAuthorized();
      return tokens.isRevoked(claims.data);
    },
  };
  /** Accepts a token that the fast reader accepts. All other tokens are decided by koa-jwt, whose answers are part of the contract. */
  const fastPathOr =
    (decideByKoaJwt: Middleware): Middleware =>
    (ctx, next) => {
      const claims = tokens.readHeader(ctx.req.headers.authorization ?? '');
      if (claims === undefined) return decideByKoaJwt(ctx, next);
      ctx.state.user = claims;
      return next();
    };
  return {
    required: fastPathOr(koaJwt(options)),
    optional: fastPathOr(koaJwt({ ...options, passthrough: true })),
  };
}

/** The claims of the request's token; undefined without a valid token. */
export const claimsOf = (ctx: Context) => ctx.state.user as Claims | undefined;

/** The same for a handler behind `required`, which therefore always has claims. */
export function requireClaims(ctx: Context): Claims {
  const claims = claimsOf(ctx);
  if (claims === undefined) throw notAuthorized();
  return claims;
}
