import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { createServiceTokens } from '../../src/infra/serviceTokens.ts';

const test = suite('the tokens of services');
const one = 'k7Qz0vTn4sWc9yLxE2rGu8hBfJ6mPd3a';
const two = 'Zr5tNq1wVb7kXe4uHs9cMy2gLp8jFd6o=';

test('a token belongs to the service that the setting names', () => {
  const find = createServiceTokens(`orders=${one}, mail=${two}`);
  assert.is(find(one), 'orders');
  assert.is(find(two), 'mail');
  for (const wrong of ['', 'orders', `orders=${one}`, `${one} `, one.slice(1)]) assert.is(find(wrong), undefined);
});

test('without the setting, no token is good', () => {
  assert.is(createServiceTokens(undefined)(''), undefined);
});

const refused: [what: string, setting: string, reason: RegExp][] = [
  ['a token without a name', one, /is not name=token/],
  ['a name with a space', `the orders=${one}`, /is not name=token/],
  ['a short token', 'orders=abcdefgh', /too short/],
  ['a token of a few characters', `orders=${'abcabcab'.repeat(5)}`, /repeats a few characters/],
  ['a token for two services', `orders=${one},mail=${one}`, /entry 2 of 2 repeats an earlier token/],
  ['a name for two tokens', `orders=${one},orders=${two}`, /entry 2 of 2 has the name of an earlier one/],
];
for (const [what, setting, reason] of refused) {
  test(`given ${what}, the start is refused without a part of a token`, () => {
    assert.throws(
      () => readConfig({ SERVICE_TOKENS: setting }),
      ({ message }: Error) =>
        message.startsWith('SERVICE_TOKENS: ') &&
        reason.test(message) &&
        !message.includes(one) &&
        !/abc/.test(message),
    );
  });
}

test.run();
