import { Pool } from 'undici';

/** What a crowd does over HTTP, on at most `connections` connections. To enter or create throws unless it is answered as hoped. */
export function openClient(url: string, connections: number) {
  const pool = new Pool(url, { connections });

  const send = async (method: 'POST' | 'PATCH', path: string, token: string | undefined, json?: object) => {
    const { statusCode, headers, body } = await pool.request({
      method,
      path,
      headers: {
        ...(token === undefined ? {} : { authorization: token }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: json === undefined ? null : JSON.stringify(json),
    });
    await body.dump();
    return { statusCode, headers };
  };
  const expect = async (status: number, answer: ReturnType<typeof send>) => {
    const { statusCode, headers } = await answer;
    if (statusCode !== status) throw new Error(`answered ${statusCode} where ${status} was expected`);
    return headers;
  };

  return {
    /** Registers a user and logs them in; resolves to the token. */
    async enter(username: string, kind: 'customer' | 'seller'): Promise<string> {
      const password = 'a password';
      await expect(201, send('POST', '/api/users', undefined, { username, password, kind }));
      const headers = await expect(200, send('POST', '/api/auth', undefined, { username, password }));
      return String(headers.authorization);
    },
    async create(token: string, seller: string, coupon: object): Promise<void> {
      await expect(201, send('POST', `/api/users/${encodeURIComponent(seller)}/coupons`, token, coupon));
    },
    /** Resolves to the grab's outcome; `unknown` when the answer says none. */
    async grab(token: string, seller: string, name: string): Promise<string> {
      const path = `/api/users/${encodeURIComponent(seller)}/coupons/${encodeURIComponent(name)}`;
      const { headers } = await send('PATCH', path, token);
      return String(headers['grab-outcome'] ?? 'unknown');
    },
    close: () => pool.close(),
  };
}
