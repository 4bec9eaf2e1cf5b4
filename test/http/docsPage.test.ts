import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { viewerFiles, viewerPage } from '../../src/http/openapi/viewerFiles.ts';
import { openTestServer } from '../support/testServer.ts';

const { url, close } = await openTestServer();
const test = suite('the page that shows the API');

test('it is there with and without a trailing slash', async () => {
  for (const path of ['/docs', '/docs/']) {
    const response = await fetch(`${url}${path}`);
    assert.is(response.status, 200);
    assert.is(response.headers.get('content-type'), 'text/html; charset=utf-8');
  }
});

test('all that it names comes from this server, and its policy allows nothing else', async () => {
  const html = readFileSync(viewerPage, 'utf8');
  const named = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, name = '']) => name);
  assert.equal(named.sort(), [...Object.keys(viewerFiles).map((file) => `/docs/${file}`), '/openapi.json'].sort());
  for (const name of named) assert.is((await fetch(`${url}${name}`)).status, 200, name);
  const { headers } = await fetch(`${url}/docs`);
  const policy = headers.get('content-security-policy') ?? '';
  assert.ok(policy.startsWith("default-src 'none'"));
  assert.not.match(policy, /unsafe|https?:|\*/);
});

for (const file of [
  'package.json',
  '..%2f..%2fpackage.json',
  '%2e%2e%2fdocument.ts',
  'viewer.ts',
  'constructor',
  'a%00b',
]) {
  test(`/docs/${file} is a 404`, async () => {
    const response = await fetch(`${url}/docs/${file}`);
    assert.is(response.status, 404);
    assert.equal(await response.json(), { errMsg: 'Not Found.' });
  });
}

test('what a browser has already is not sent again', async () => {
  const first = await fetch(`${url}/docs/swagger-ui-bundle.js`);
  await first.arrayBuffer();
  assert.is(first.headers.get('cache-control'), 'no-cache');
  const again = await fetch(`${url}/docs/swagger-ui-bundle.js`, {
    // fetch would say no-cache of itself.
    headers: { 'If-None-Match': first.headers.get('etag') ?? '', 'Cache-Control': 'max-age=0' },
  });
  assert.equal([again.status, await again.text()], [304, '']);
});

test.after(close);
test.run();
