import { generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import Provider, { type JWK, type KoaContextWithOIDC } from 'oidc-provider';

// The identity provider of the shop: it has the shop's customers, and a service account for its seller. A real shop has one already,
// and only has to make it issue access tokens for seckill: JWTs with seckill's audience and a claim that tells sellers from customers.

const MINUTES = 60;
const page = (content: string) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>Shop accounts</title><main>${content}</main></html>`;

interface ClientAccount {
  id: string;
  secret: string;
}
interface ProviderSettings {
  issuer: string;
  shopUrl: string;
  /** What seckill has in AUTH_AUDIENCE. */
  audience: string;
  clients: { shop: ClientAccount; seller: ClientAccount };
  users: readonly string[];
  /** The password of every user of this example. */
  password: string;
}

export function createIdentityProvider(settings: ProviderSettings): RequestListener {
  const { issuer, shopUrl, audience, clients } = settings;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'shop-1' } as JWK] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clients: [
      {
        client_id: clients.shop.id,
        client_secret: clients.shop.secret,
        redirect_uris: [`${shopUrl}/callback`],
        post_logout_redirect_uris: [`${shopUrl}/`],
      },
      {
        client_id: clients.seller.id,
        client_secret: clients.seller.secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    pkce: { required: () => true },
    findAccount: (_ctx, id) =>
      settings.users.includes(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    // The shop is the provider's own, so its customers are not asked for their consent.
    loadExistingGrant: (ctx) => grantOf(provider, ctx),
    extraTokenClaims: (_ctx, token) => ({
      roles: [token.kind === 'ClientCredentials' ? 'coupon-admin' : 'shopper'],
    }),
    // Tokens live for minutes: seckill accepts a token until it expires, even if the provider blocks its user meanwhile.
    ttl: {
      AccessToken: 15 * MINUTES,
      AuthorizationCode: 1 * MINUTES,
      ClientCredentials: 5 * MINUTES,
      Grant: 60 * MINUTES,
      IdToken: 15 * MINUTES,
      Interaction: 10 * MINUTES,
      Session: 60 * MINUTES,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: '',
          audience,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource(ctx, form) {
          const button = '<button form="op.logoutForm" name="logout" value="yes" autofocus>Log out</button>';
          ctx.body = page(`${form}${button}`);
        },
      },
    },
    renderError(ctx, { error }) {
      ctx.type = 'html';
      ctx.body = page(
        `<p>This request cannot be answered: ${error.replace(/\W/g, ' ')}. <a href="${shopUrl}">Back</a></p>`,
      );
    },
  });
  provider.use(async (ctx, next) => {
    if (!ctx.path.startsWith('/interaction/')) return next();
    let hint = '';
    if (ctx.method === 'POST') {
      const form = new URLSearchParams(await text(ctx.req));
      const user = form.get('user') ?? '';
      if (settings.users.includes(user) && isEqual(form.get('password') ?? '', settings.password)) {
        ctx.respond = false;
        return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: user } });
      }
      hint = '<p role="alert">Wrong name or password.</p>';
    }
    ctx.body = page(`<h1>Log in to your shop account</h1>${hint}<form method="post">
      <p><label>Name <input name="user" autocomplete="username" required autofocus></label>
      <p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
      <p><button>Log in</button></form>`);
  });
  return provider.callback();
}

async function grantOf(provider: Provider, { oidc }: KoaContextWithOIDC) {
  const { client, session } = oidc;
  if (client === undefined || session?.accountId === undefined) return undefined;
  const known = session.grantIdFor(client.clientId);
  if (known !== undefined) return provider.Grant.find(known);
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid');
  await grant.save();
  return grant;
}

function isEqual(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
