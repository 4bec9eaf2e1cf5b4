import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { Closer } from '../../src/infra/closers.ts';
import { listenLocally } from './listenLocally.ts';

/** What the crowd needs to sign tokens of the identity provider. */
export interface ProviderSigner {
  issuer: string;
  audience: string;
  kid: string;
  /** PEM. */
  privateKey: string;
}

/** The public key of an identity provider at a URL, and its private key for the crowd, which issues the tokens itself. */
export async function openKeyServer(): Promise<{
  signer: ProviderSigner;
  environment: NodeJS.ProcessEnv;
  close: Closer;
}> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const kid = 'bench';
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: 'RS256', use: 'sig' }] });
  const server = createServer((_request, response) => response.setHeader('Content-Type', 'application/json').end(keys));
  const issuer = await listenLocally(server);
  const audience = 'https://seckill.example';
  return {
    signer: { issuer, audience, kid, privateKey: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) },
    environment: { AUTH_ISSUER: issuer, AUTH_JWKS_URL: `${issuer}/keys`, AUTH_AUDIENCE: audience },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
