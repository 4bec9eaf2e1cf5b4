import type { Context, Middleware, Next } from 'koa';
import koaJwt from 'koa-jwt';
import { ALGORITHM, bareToken, type Claims, ISSUER, type Tokens } from '../infra/tokens.ts';
import { isRepeated } from './edge/repeatedHeaders.ts';
import { authorizationExpired, notAuthorized } from './errors.ts';

export interface Auth {
  /** 401 unless the request has a valid token; the handler then reads the token's claims with `requireClaims`. */
  required: Middleware;
  /** The same, but a request without a valid token continues without claims. */
  optional: Middleware;
}

/**
 * The middleware that authenticates a request by its token. `admit`: whether the user of a request that needs a token is within the
 * limit of requests; when it returns false, it has answered the request. `upToDate`: undefined or resolved when it is known which tokens are
 * revoked.
 */
export function createAuth(
  tokens: Tokens,
  admit: (ctx: Context) => boolean = () => true,
  upToDate: () => Promise<void> | undefined = () => undefined,
): Auth {
  const options: koaJwt.Options = {
    // koa-jwt prefers `ctx.state.secret`. It asks for this one when no key may verify the token.
    secret: () => Promise.reject(notAuthorized()),
    algorithms: [ALGORITHM],
    issuer: ISSUER,
    audience: ISSUER,
    getToken: (ctx) => bareToken(ctx.get('authorization')),
    // The one hook between the signature and the handler. jsonwebtoken accepts claims that this server never issues.
    async isRevoked(_ctx, decoded) {
      const claims = tokens.claimsIn(decoded);
      if (claims === undefined) throw notAuthorized();
      return tokens.isRevoked(claims);
    },
  };
  /**
   * Accepts a token that the fast reader accepts, and a token of the identity provider that its reader accepts. All other tokens are decided
   * by koa-jwt, whose answers are part of the contract; koa-jwt gets no secret that could verify a bad token of the provider.
   */
  const fastPathOr = (decideByKoaJwt: Middleware, isAdmitted = admit): Middleware => {
    const decide = (ctx: Context, next: Next, authorization: string) => {
      const claims = tokens.readHeader(authorization);
      if (claims !== undefined) return accept(ctx, claims, isAdmitted, next);
      const token = bareToken(authorization);
      const askKoaJwt = (secret: unknown) => {
        ctx.state.secret = secret;
        return decideByKoaJwt(ctx, async () => {
          if (isAdmitted(ctx)) await next();
        });
      };
      if (tokens.readOfProvider === undefined) return askKoaJwt(tokens.keyFor(token));
      return tokens.readOfProvider(token).then((read) => {
        if (read === undefined) return askKoaJwt(tokens.keyFor(token));
        if (read === 'expired') return askKoaJwt(() => Promise.reject(authorizationExpired()));
        if (read === 'invalid') return askKoaJwt(undefined);
        return accept(ctx, read, isAdmitted, next);
      });
    };
    return (ctx, next) => {
      if (isRepeated('authorization', ctx.req)) throw notAuthorized();
      const { authorization = '' } = ctx.req.headers;
      const reading = authorization === '' ? undefined : upToDate();
      if (reading === undefined) return decide(ctx, next, authorization);
      return reading.then(() => decide(ctx, next, authorization));
    };
  };
  return {
    required: fastPathOr(koaJwt(options)),
    // Not limited: a log-out always succeeds, and revokes the token at that.
    optional: fastPathOr(koaJwt({ ...options, passthrough: true }), () => true),
  };
}

function accept(ctx: Context, claims: Claims, isAdmitted: (ctx: Context) => boolean, next: Next) {
  ctx.state.user = claims;
  if (isAdmitted(ctx)) return next();
}

/** The claims of the request's token; undefined without a valid token. */
export const claimsOf = (ctx: Context) => ctx.state.user as Claims | undefined;

/** The same for a handler behind `required`, which therefore always has claims. */
export function requireClaims(ctx: Context): Claims {
  const claims = claimsOf(ctx);
  if (claims === undefined) throw notAuthorized();
  return claims;
}
