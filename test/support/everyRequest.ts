import { createClient } from './httpClient.ts';
import { listen } from './listen.ts';
import { until } from './until.ts';

/** Secrets that come up while the server is used, and the texts of the answers that refuse something. */
export interface Used {
  tokens: string[];
  codes: string[];
  refusals: string[];
}

/** Names and passwords for one run: runs on the same stores need different ones. */
export interface Cast {
  seller: string;
  customer: string;
  password: string;
  newPassword: string;
  wrongPassword: string;
}

/**
 * Sends a request of every kind to a server: sessions, coupons, batches, grabs, redemptions, lists, files, the live stream, and what is
 * refused. Throws when an answer has another status than it should, or when `hopeless` returns a reason while MySQL lacks events.
 */
export async function sendEveryRequest(
  url: string,
  cast: Cast,
  hopeless: () => string | undefined = () => undefined,
): Promise<Used> {
  const { seller, customer, password, newPassword, wrongPassword } = cast;
  const client = createClient(url);
  const used: Used = { tokens: [], codes: [], refusals: [] };
  const must = async (
    status: number,
    method: string,
    path: string,
    options: Parameters<typeof client.send>[2] = {},
  ) => {
    const answer = await client.send(method, path, options);
    const text = `${JSON.stringify(answer.body)} ${JSON.stringify([...answer.headers])}`;
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} instead of ${status}: ${text}`);
    if (status >= 400 || status === 204) used.refusals.push(text);
    return answer;
  };
  const enter = async (username: string, json: { password: string }) => {
    const { headers } = await must(200, 'POST', '/api/auth', { json: { username, ...json } });
    const token = headers.get('authorization') ?? '';
    used.tokens.push(token);
    return token;
  };

  for (const [username, kind] of [
    [seller, 'seller'],
    [customer, 'customer'],
  ])
    await must(201, 'POST', '/api/users', { json: { username, kind, password } });
  await must(400, 'POST', '/api/users', { json: { username: customer, kind: 'customer', password } });
  await must(400, 'POST', '/api/users', { raw: `{"username": "eve", "password": "${password}"` });
  await must(401, 'POST', '/api/auth', { json: { username: customer, password: wrongPassword } });
  const left = await enter(customer, { password });
  await must(403, 'POST', '/api/auth/password', { token: left, json: { password: wrongPassword, newPassword } });
  await must(200, 'POST', '/api/auth/password', { token: left, json: { password, newPassword } });
  await must(401, 'GET', `/api/users/${customer}/coupons`, { token: left });
  await must(200, 'POST', '/api/auth/logout', { token: await enter(customer, { password: newPassword }) });
  const [mine, owner] = [await enter(customer, { password: newPassword }), await enter(seller, { password })];
  const forged = `${mine.slice(0, -6)}AAAAAA`;
  used.tokens.push(forged);
  await must(401, 'GET', `/api/users/${customer}/coupons`, { token: forged });
  await must(401, 'PATCH', `/api/users/${seller}/coupons/sea`, { token: `Bearer ${forged}` });

  const coupons = `/api/users/${seller}/coupons`;
  const sea = `${coupons}/sea`;
  const of = { token: owner };
  const by = { token: mine };
  await must(201, 'POST', coupons, { ...of, json: { name: 'sea', amount: 4, stock: 5, perCustomer: 2 }, key: 'sea' });
  await must(201, 'POST', coupons, {
    ...of,
    json: ['tea', 'cake'].map((name) => ({ name, amount: 9, stock: 1 })),
    key: 'b',
  });
  await must(400, 'POST', coupons, { ...of, json: { name: 'sea', amount: 4, stock: 5 } });
  const stream = await listen(url, mine, seller);
  await stream.waitFor((_data, event) => event === 'snapshot');
  for (const [key, status] of [
    ['one', 201],
    ['one', 201],
    ['two', 201],
    ['three', 204],
    ['three', 204],
  ] as const) {
    const { body } = await must(status, 'PATCH', sea, { ...by, key });
    if (body?.code !== undefined) used.codes.push(String(body.code));
  }
  stream.stop();
  const [code = '', spare = ''] = [...new Set(used.codes)];
  await must(204, 'PATCH', `${coupons}/nothing`, by);
  await must(200, 'POST', `${sea}/pause`, of);
  await must(200, 'POST', `${sea}/restock`, { ...of, json: { amount: 1 }, key: 'more' });
  await must(204, 'PATCH', sea, by);
  await must(200, 'POST', `${sea}/resume`, of);
  await must(200, 'POST', `${sea}/terms`, { ...of, json: { description: 'today' } });
  const redemptions = `/api/users/${seller}/redemptions`;
  await must(200, 'POST', redemptions, { ...of, json: { code }, key: 'till' });
  await must(409, 'POST', redemptions, { ...of, json: { code } });
  await must(400, 'POST', redemptions, { ...of, json: { code: `${code}0` } });
  await must(401, 'POST', redemptions, { ...by, json: { code } });
  await must(200, 'DELETE', `${redemptions}/${code}`, of);
  await must(200, 'DELETE', `/api/users/${customer}/coupons/${seller}/sea?code=${spare}`, by);
  await must(404, 'POST', redemptions, { ...of, json: { code: spare } });
  await must(200, 'POST', `${coupons}/tea/close`, of);

  const webhooks = `/api/users/${seller}/webhooks`;
  // The name leads nowhere, which is a delivery too.
  const { body: made } = await must(201, 'POST', webhooks, { ...of, json: { url: 'https://webhook.invalid/' } });
  const { id, secret } = (made as { data: { id: string; secret: string } }).data;
  used.tokens.push(secret);
  await must(400, 'POST', webhooks, { ...of, json: { url: 'https://127.0.0.1/' } });
  await must(200, 'POST', `${webhooks}/${id}/test`, of);
  await must(200, 'GET', `${webhooks}/${id}/deliveries`, of);
  await must(200, 'POST', `${webhooks}/${id}/pause`, of);
  await must(200, 'DELETE', `${webhooks}/${id}`, of);

  // Searches and holders are read from MySQL, which gets the events a moment after their answers.
  await until('MySQL has every event of the coupon', async () => {
    const reason = hopeless();
    if (reason !== undefined) throw new Error(reason);
    return (await must(200, 'GET', `${sea}/holders?limit=10`, of)).body?.behind === 0;
  });
  for (const path of [
    coupons,
    `${coupons}?status=on-sale&q=se`,
    sea,
    `${sea}/holders?limit=10`,
    `${sea}/history?limit=3`,
  ])
    await must(200, 'GET', path, of);
  await must(200, 'GET', `/api/users/${customer}/coupons`, by);
  await must(401, 'GET', `/api/users/${seller}x/coupons?token=${mine}`, { token: `${mine}x` });
  const csv = await fetch(`${url}${sea}/holders`, { headers: { authorization: owner, accept: 'text/csv' } });
  if (!(await csv.text()).includes(customer)) throw new Error('the customer is not in the file of the holders');
  return used;
}

/** What a server says about itself. */
export async function readPublicPages(url: string): Promise<Record<string, string>> {
  const paths = ['/metrics', '/openapi.json', '/docs', '/healthz', '/readyz', '/', '/nothing'];
  const read = async (path: string) => [path, await (await fetch(`${url}${path}`)).text()] as const;
  return Object.fromEntries(await Promise.all(paths.map(read)));
}
