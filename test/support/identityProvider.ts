import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { SignJWT } from 'jose';
import Provider, { type JWKS } from 'oidc-provider';
import { freePort } from './freePort.ts';

// A real identity provider, which issues tokens for any subject.

export const AUDIENCE = 'https://seckill.example';
export type Algorithm = 'RS256' | 'ES256' | 'EdDSA';

export interface SigningKey {
  alg: Algorithm;
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const keyPairs = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2_048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};
export const createKey = (alg: Algorithm): SigningKey => ({ alg, kid: randomUUID(), ...keyPairs[alg]() });
const privateJwk = ({ alg, kid, privateKey }: SigningKey) => ({
  ...privateKey.export({ format: 'jwk' }),
  alg,
  kid,
  use: 'sig',
});

/** What a token of the provider says. */
export interface TokenRequest {
  sub: string;
  alg?: Algorithm;
  /** More claims of the access token. */
  claims?: Record<string, unknown>;
}

export interface IdentityProvider {
  issuer: string;
  keys: SigningKey[];
  /** An access token from the token endpoint. */
  issue(request: TokenRequest): Promise<string>;
  /** A token that is signed with a key of the provider and has these differences from a good one. */
  forge(forgery: Forgery): Promise<string>;
  /** How often the keys were requested. */
  keyRequests(): number;
  /** From now on until the next start, the keys are answered like this. */
  answerKeys(body: unknown): void;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
  /** Opens the same port, with other keys where they are given. */
  start(keys?: SigningKey[]): Promise<void>;
}

interface Forgery {
  key?: SigningKey;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
}

/** Opens a provider with one key for each algorithm. */
export async function openIdentityProvider(): Promise<IdentityProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const provider: IdentityProvider = {
    issuer,
    keys: (['RS256', 'ES256', 'EdDSA'] as const).map(createKey),
    issue: (request) => requestToken(issuer, request),
    forge: ({ key = provider.keys[0] as SigningKey, header = {}, claims = {} }) => {
      const now = Math.floor(Date.now() / 1_000);
      return new SignJWT({ iss: issuer, aud: AUDIENCE, sub: 'forged', iat: now, exp: now + 600, ...claims })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
        .sign(key.privateKey);
    },
    keyRequests: () => keyRequests,
    answerKeys(body) {
      keysBody = JSON.stringify(body);
    },
    async stop() {
      server?.closeAllConnections();
      server?.close();
      if (server !== undefined) await once(server, 'close');
      server = undefined;
    },
    async start(keys = provider.keys) {
      provider.keys = keys;
      keysBody = undefined;
      const handle = createProvider(issuer, keys).callback();
      server = createServer((request, response) => {
        if (request.url === '/jwks') {
          keyRequests++;
          if (keysBody !== undefined) return response.setHeader('content-type', 'application/json').end(keysBody);
        }
        return handle(request, response);
      });
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
  let server: Server | undefined;
  let keyRequests = 0;
  let keysBody: string | undefined;
  await provider.start();
  return provider;
}

function createProvider(issuer: string, keys: readonly SigningKey[]): Provider {
  return new Provider(issuer, {
    jwks: { keys: keys.map(privateJwk) } as JWKS,
    clients: [
      {
        client_id: 'shop',
        client_secret: 'secret',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    ttl: { ClientCredentials: 600 },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: '',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: new URL(resource).pathname.slice(1) as Algorithm } },
        }),
      },
    },
    formats: {
      customizers: {
        // A client asks for itself; the subject of the user is added here.
        jwt(ctx, _token, jwt) {
          const wanted = JSON.parse(String(ctx.oidc.body?.scenario));
          Object.assign(jwt.payload, wanted.claims, { sub: wanted.sub });
        },
      },
    },
  });
}

async function requestToken(issuer: string, { sub, alg = 'RS256', claims = {} }: TokenRequest): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    // The provider is stopped and started again: a connection that is kept would be a dead one.
    headers: { connection: 'close', authorization: `Basic ${Buffer.from('shop:secret').toString('base64')}` },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      resource: `${AUDIENCE}/${alg}`,
      scenario: JSON.stringify({ sub, claims }),
    }),
  });
  const body = (await response.json()) as { access_token?: string };
  if (body.access_token === undefined) throw new Error(`no token: ${JSON.stringify(body)}`);
  return body.access_token;
}
