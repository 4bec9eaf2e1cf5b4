import createFetchClient, { type Client } from 'openapi-fetch';
import type { paths } from './api.d.ts';

export type SeckillClient = Client<paths>;

/** A client for the server at `baseUrl`. After a log-in, its requests send the token. */
export function createClient(baseUrl: string): SeckillClient {
  const client = createFetchClient<paths>({ baseUrl });
  let token: string | undefined;
  client.use({
    onRequest({ request }) {
      if (token !== undefined) request.headers.set('Authorization', token);
    },
    onResponse({ schemaPath, response }) {
      if (schemaPath === '/api/auth' && response.ok) token = response.headers.get('Authorization') ?? undefined;
    },
  });
  return client;
}
