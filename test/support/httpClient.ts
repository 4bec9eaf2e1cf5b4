/** The answer to one request, as a REST client sees it. */
export interface Answer {
  status: number;
  /** The parsed body; undefined when there is none. */
  body: Record<string, unknown> | undefined;
  headers: Headers;
}

export interface Client {
  send(
    method: string,
    path: string,
    options?: { token?: string; json?: unknown; raw?: string; type?: string; key?: string },
  ): Promise<Answer>;
  register(username: string, kind: 'customer' | 'seller', password?: string): Promise<Answer>;
  /** Registers a user, logs the user in, and resolves to the token. */
  enter(username: string, kind: 'customer' | 'seller'): Promise<string>;
  create(token: string, seller: string, coupon: object): Promise<Answer>;
  /** `key`: the Idempotency-Key. */
  grab(token: string, seller: string, name: string, key?: string): Promise<Answer>;
  list(token: string, username: string, query?: string): Promise<Answer>;
}

export function createClient(url: string): Client {
  const client: Client = {
    async send(method, path, { token, json, raw, type = 'application/json', key } = {}) {
      const body = json === undefined ? raw : JSON.stringify(json);
      const headers = {
        ...(token === undefined ? {} : { authorization: token }),
        ...(body === undefined ? {} : { 'content-type': type }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      };
      const response = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
      const text = await response.text();
      return { status: response.status, body: text === '' ? undefined : JSON.parse(text), headers: response.headers };
    },
    register: (username, kind, password = 'secret') =>
      client.send('POST', '/api/users', { json: { username, password, kind } }),
    async enter(username, kind) {
      await client.register(username, kind);
      const { headers } = await client.send('POST', '/api/auth', { json: { username, password: 'secret' } });
      return headers.get('authorization') ?? '';
    },
    create: (token, seller, json) =>
      client.send('POST', `/api/users/${encodeURIComponent(seller)}/coupons`, { token, json }),
    grab: (token, seller, name, key) =>
      client.send('PATCH', `/api/users/${encodeURIComponent(seller)}/coupons/${encodeURIComponent(name)}`, {
        token,
        ...(key === undefined ? {} : { key }),
      }),
    list: (token, username, query = '') =>
      client.send('GET', `/api/users/${encodeURIComponent(username)}/coupons${query}`, { token }),
  };
  return client;
}
