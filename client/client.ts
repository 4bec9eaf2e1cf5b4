import createFetchClient, { type Client } from 'openapi-fetch';
import type { paths } from './api.d.ts';

/** What the server sends to a client that names no type in `Accept`: every type of the document but `text/csv`. */
type Media =
  | 'application/cloudevents-batch+json'
  | 'application/json'
  | 'image/png'
  | 'text/css'
  | 'text/event-stream'
  | 'text/html'
  | 'text/javascript'
  | 'text/plain';

export type SeckillClient = Client<paths, Media>;

/**
 * A client for the server at `baseUrl`. Its requests send the token: that of an identity provider or of a service, which is given, or
 * that of the last log-in.
 */
export function createClient(baseUrl: string, { token }: { token?: string } = {}): SeckillClient {
  const client = createFetchClient<paths, Media>({ baseUrl });
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
