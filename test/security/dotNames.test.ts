import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDocument } from '../../src/http/openapi/document.ts';
import { rawAnswers } from '../support/rawHttp.ts';
import { openTestServer } from '../support/testServer.ts';

// `.` and `..` are valid names. URL libraries resolve a path with them to another path before they send it, so only clients that write
// their own paths reach what has such a name.

const { url, client, close } = await openTestServer();
const test = suite('attack: names that are dots');
const tokens = {
  '.': await client.enter('.', 'seller'),
  '..': await client.enter('..', 'seller'),
  '...': await client.enter('...', 'seller'),
};
const bob = await client.enter('bob', 'customer');

/** Sends the path exactly as it is. */
async function sendRaw(method: string, path: string, token: string, json?: object) {
  const body = json === undefined ? '' : JSON.stringify(json);
  const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${token}\r\n`;
  const [answer] = await rawAnswers(
    url,
    `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return answer;
}

for (const name of ['.', '..', '...'] as const)
  for (const [spelling, segment] of [
    ['as it is', name],
    ['percent-encoded', name.replaceAll('.', '%2E')],
  ] as const)
    test(`the seller ${name} and the coupon ${name}, ${spelling} in a raw path, work like other names`, async () => {
      const path = `/api/users/${segment}/coupons`;
      const created = await sendRaw('POST', path, tokens[name], { name, amount: 3, stock: 1, description: '' });
      // The second spelling names the same coupon.
      assert.is(created?.status, spelling === 'as it is' ? 201 : 400);
      assert.is((await sendRaw('PATCH', `${path}/${segment}`, bob))?.status, spelling === 'as it is' ? 201 : 204);
      const read = await sendRaw('GET', `${path}/${segment}`, bob);
      assert.is(read?.status, 200);
      const { data } = JSON.parse(read?.body ?? '{}');
      assert.equal([data.name, data.left], [name, 2]);
      const list = JSON.parse((await sendRaw('GET', path, bob))?.body ?? '{}');
      assert.equal(
        list.data.map((coupon: { name: string }) => coupon.name),
        [name],
      );
      assert.is((await sendRaw('GET', `${path}/${segment}/holders`, bob))?.status, 401);
    });

const changes = Object.entries(createDocument().paths).flatMap(([path, methods]) =>
  Object.keys(methods)
    .filter((method) => method !== 'get' && path.includes('{'))
    .map((method) => [method.toUpperCase(), path] as const),
);
for (const [method, path] of changes)
  for (const name of ['.', '..'] as const)
    test(`${method} ${path} with ${name} from a client that resolves the path changes nothing`, async () => {
      const resolved = path.replace(/\{\w+\}/g, encodeURIComponent(name));
      const { status } = await client.send(method, resolved, { token: tokens[name], json: {} });
      // No route has the other path, but for the webhooks of the operator, which need a token of a service.
      const isOfOperator = new URL(resolved, url).pathname.startsWith('/api/webhooks');
      assert.ok((isOfOperator ? [401, 404, 405] : [404, 405]).includes(status), String(status));
    });

test.after(close);
test.run();
