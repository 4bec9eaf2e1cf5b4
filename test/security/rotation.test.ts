import Koa from 'koa';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createAuth, requireClaims } from '../../src/http/auth.ts';
import { answerErrors } from '../../src/http/errors.ts';
import { createTokens } from '../../src/infra/tokens.ts';
import { serveApp } from '../support/serveApp.ts';

// The steps of a rotation of JWT_SECRET, as docs/OPERATIONS.md has them. No store is involved.

const old = 'Vt0q3mZ7xKcRb1nYw8sLd5uGh2jPfEa9';
const fresh = 'J6oXiT4kWqU0yBzNv7rMc3eSgDl8hAp1';
const closers: (() => Promise<void>)[] = [];
const test = suite('the rotation of JWT_SECRET');

/** A server process with this setting: issues tokens, and answers with the status for a token. */
async function given(setting: string) {
  const tokens = createTokens(setting, 60, () => false);
  const app = new Koa()
    .use(answerErrors)
    .use(createAuth(tokens).required)
    .use((ctx) => {
      ctx.body = requireClaims(ctx).sub;
    });
  const { url, close } = await serveApp(app.callback());
  closers.push(close);
  const statusOf = async (authorization: string) => (await fetch(url, { headers: { authorization } })).status;
  return { issue: () => tokens.issue('bob', 'customer'), statusOf };
}
const before = await given(old);
const announced = await given(`${old},${fresh}`);
const turned = await given(`${fresh} , ${old}`);
const after = await given(fresh);

const neighbours = [
  ['before the rotation', before, 'with the new secret announced', announced],
  ['with the new secret announced', announced, 'with the new secret first', turned],
] as const;
for (const [earlierName, earlier, laterName, later] of neighbours) {
  test(`processes ${earlierName} and ${laterName} accept the tokens of each other`, async () => {
    assert.is(await later.statusOf(earlier.issue()), 200);
    assert.is(await earlier.statusOf(later.issue()), 200);
  });
}

test('the process without the old secret accepts the tokens of the new secret, and gives those of the old one 401', async () => {
  assert.is(await after.statusOf(turned.issue()), 200);
  for (const token of [before.issue(), announced.issue()]) assert.is(await after.statusOf(token), 401);
});

test('a token of a removed secret is refused, although the process before the restart remembered it as valid', async () => {
  const token = before.issue();
  assert.is(await turned.statusOf(token), 200);

  assert.is(await after.statusOf(token), 401);
});

test.after(async () => {
  await Promise.all(closers.map((close) => close()));
});
test.run();
