import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import Router from '@koa/router';
import Koa, { type Context } from 'koa';
import { LRUCache } from 'lru-cache';
import * as oidc from 'openid-client';
import { createClient } from '../../client/client.ts';
import { discover, type Identity } from './backOffice.ts';
import type { Orders } from './orders.ts';

// The shop: pages, the log-in at the identity provider, and the orders of the customer. No grab passes through it. The page sends
// grabs to seckill itself, so the crowd of a sale is not a crowd at the shop.

const COOKIE = 'shop_session';
const cookieOptions = { httpOnly: true, sameSite: 'lax', overwrite: true } as const;
const pages: Record<string, [file: string, type: string]> = {
  '/': ['index.html', 'html'],
  '/orders': ['orders.html', 'html'],
  '/shop.css': ['shop.css', 'css'],
  '/product.js': ['product.js', 'js'],
  '/orders.js': ['orders.js', 'js'],
  '/retry.js': ['retry.js', 'js'],
};

interface Session {
  user: string;
  /** What seckill accepts. The page gets it, and keeps it in memory only. */
  token: string;
  idToken: string;
  expiresAt: number;
}
interface LogIn {
  state: string;
  nonce: string;
  verifier: string;
}
interface ShopSettings extends Identity {
  url: string;
  seckillUrl: string;
  coupon: { seller: string; name: string };
  orders: Orders;
}

export async function createShop(settings: ShopSettings): Promise<RequestListener> {
  const { url, audience, seckillUrl, coupon, orders } = settings;
  const provider = await discover(settings);
  const redirectUri = `${url}/callback`;
  const sessions = new LRUCache<string, Session>({ max: 10_000 });
  const logIns = new LRUCache<string, LogIn>({ max: 10_000, ttl: 600_000 });
  const sessionOf = (ctx: Context) => {
    const session = sessions.get(ctx.cookies.get(COOKIE) ?? '');
    return session !== undefined && session.expiresAt > Date.now() ? session : undefined;
  };
  const setCookie = (ctx: Context) => {
    const id = randomBytes(24).toString('base64url');
    ctx.cookies.set(COOKIE, id, cookieOptions);
    return id;
  };

  const router = new Router();
  for (const [path, [file, type]] of Object.entries(pages)) {
    const content = readFileSync(new URL(`pages/${file}`, import.meta.url));
    router.get(path, (ctx) => {
      ctx.type = type;
      ctx.body = content;
    });
  }

  router.get('/login', async (ctx) => {
    const logIn = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
    logIns.set(setCookie(ctx), logIn);
    const parameters = {
      redirect_uri: redirectUri,
      scope: 'openid',
      resource: audience,
      state: logIn.state,
      nonce: logIn.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(logIn.verifier),
      code_challenge_method: 'S256',
    };
    ctx.redirect(oidc.buildAuthorizationUrl(provider, parameters).href);
  });

  router.get('/callback', async (ctx) => {
    const id = ctx.cookies.get(COOKIE) ?? '';
    const logIn = logIns.get(id);
    logIns.delete(id);
    if (logIn === undefined) return ctx.redirect('/');
    const checks = { pkceCodeVerifier: logIn.verifier, expectedState: logIn.state, expectedNonce: logIn.nonce };
    const tokens = await oidc
      .authorizationCodeGrant(provider, new URL(ctx.url, url), checks, { resource: audience })
      .catch((error) => console.log(`shop: log-in failed (${error.message})`));
    if (tokens === undefined) return ctx.redirect('/');
    // A new id at each log-in: an id that was given to the browser before must not become a session.
    sessions.set(setCookie(ctx), {
      user: tokens.claims()?.sub ?? '',
      token: tokens.access_token,
      idToken: tokens.id_token ?? '',
      expiresAt: Date.now() + 1_000 * (tokens.expiresIn() ?? 0),
    });
    ctx.redirect('/');
  });

  // Ends all three: the session here, the token at seckill, and the session at the identity provider.
  router.post('/logout', async (ctx) => {
    const session = sessionOf(ctx);
    sessions.delete(ctx.cookies.get(COOKIE) ?? '');
    ctx.cookies.set(COOKIE, null, cookieOptions);
    if (session === undefined) return ctx.redirect('/');
    await createClient(seckillUrl, { token: session.token })
      .POST('/api/auth/logout')
      .catch(() => {});
    const parameters = { id_token_hint: session.idToken, post_logout_redirect_uri: `${url}/` };
    ctx.redirect(oidc.buildEndSessionUrl(provider, parameters).href);
  });

  router.get('/api/session', (ctx) => {
    const session = sessionOf(ctx);
    ctx.body = { seckill: seckillUrl, coupon, ...(session && { user: session.user, token: session.token }) };
  });

  router.get('/api/orders', (ctx) => {
    const session = sessionOf(ctx);
    ctx.status = session === undefined ? 401 : 200;
    ctx.body = { orders: session === undefined ? [] : orders.ofCustomer(session.user) };
  });

  const { origin } = new URL(settings.issuer);
  const policy = `default-src 'self'; img-src data:; connect-src 'self' ${seckillUrl}; form-action 'self' ${origin}`;
  const app = new Koa();
  app.use(async (ctx, next) => {
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Content-Security-Policy', policy);
    await next();
  });
  app.use(router.routes());
  return app.callback();
}
