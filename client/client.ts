import createFetchClient, { type Client } from 'openapi-fetch';
import type { paths } from './api.d.ts';

/** What the server sends to a client that names no type in `Accept`: every type of the document but `text/csv`. */
type Media =
  | 'application/json'
  | 'image/png'
  | 'text/css'
  | 'text/event-stream'
  | 'text/html'
  | 'text/javascript'
  | 'text/plain';

export type SeckillClient = Client<paths, Media>;

/** A client for the server at `baseUrl`. After a log-in, its requests send the token. */
export function createClient(baseUrl: string): SeckillClient {
  const client = createFetchClient<paths, Media>({ baseUrl });
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
