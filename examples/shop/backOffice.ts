import * as oidc from 'openid-client';
import { createClient } from '../../client/client.ts';

export interface Identity {
  issuer: string;
  audience: string;
  client: { id: string; secret: string };
}

/** Finds the identity provider. Only this example does that without TLS, on the machine itself. */
export const discover = ({ issuer, client }: Identity) =>
  oidc.discovery(new URL(issuer), client.id, undefined, oidc.ClientSecretBasic(client.secret), {
    execute: [oidc.allowInsecureRequests],
  });

/** Creates the coupon of the sale with the service account of the shop, whose tokens make it a seller. */
export async function offerProduct(
  seckillUrl: string,
  offer: Identity & { coupon: string; pieces: number; startsAt: number },
): Promise<void> {
  const { audience, client, coupon, pieces, startsAt } = offer;
  const { access_token } = await oidc.clientCredentialsGrant(await discover(offer), { resource: audience });
  const seckill = createClient(seckillUrl, { token: access_token });
  const existing = await seckill.GET('/api/users/{seller}/coupons/{name}', {
    params: { path: { seller: client.id, name: coupon } },
  });
  if (existing.response.ok) return;
  const { response, error } = await seckill.POST('/api/users/{username}/coupons', {
    params: { path: { username: client.id }, header: { 'Idempotency-Key': `offer ${coupon}` } },
    body: { name: coupon, amount: pieces, stock: 20, description: '20 off', startsAt },
  });
  if (!response.ok) throw new Error(`seckill refused the coupon: ${response.status} ${JSON.stringify(error)}`);
}
