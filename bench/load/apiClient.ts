import { Pool } from 'undici';

/** A client of the HTTP API on at most `connections` connections. */
export function openApiClient(url: string, connections: number) {
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
  const expectStatus = async (status: number, answer: ReturnType<typeof send>) => {
    const { statusCode, headers } = await answer;
    if (statusCode !== status) throw new Error(`answered ${statusCode} where ${status} was expected`);
    return headers;
  };

  return {
    /** Registers a user and logs the user in; resolves to the token. Throws if either fails. */
    async registerAndLogIn(username: string, kind: 'customer' | 'seller'): Promise<string> {
      const password = 'a password';
      await expectStatus(201, send('POST', '/api/users', undefined, { username, password, kind }));
      const headers = await expectStatus(200, send('POST', '/api/auth', undefined, { username, password }));
      return String(headers.authorization);
    },
    /** Throws unless the answer is 201. */
    async createCoupon(token: string, seller: string, coupon: object): Promise<void> {
      await expectStatus(201, send('POST', `/api/users/${encodeURIComponent(seller)}/coupons`, token, coupon));
    },
    /** Resolves to the outcome of the grab; `unknown` if the answer has none. */
    async grab(token: string, seller: string, name: string): Promise<string> {
      const path = `/api/users/${encodeURIComponent(seller)}/coupons/${encodeURIComponent(name)}`;
      const { headers } = await send('PATCH', path, token);
      return String(headers['grab-outcome'] ?? 'unknown');
    },
    close: () => pool.close(),
  };
}
