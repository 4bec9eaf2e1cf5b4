import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { readConfig } from '../../src/config.ts';
import { OperatorError } from '../../src/operatorError.ts';

// Secrets that an attacker can guess or look up. Start refuses them; start.refused.long.test.ts starts a real server with some.

const good = 'b1946ac92492d2347c6235b4d2611184';
const other = '591785b794601e212b260e25925636fd';
const example = parse(readFileSync(new URL('../../deploy/k8s/secret.example.yaml', import.meta.url), 'utf8'));
const test = suite('weak secrets');

const refused: [description: string, setting: string, message: RegExp][] = [
  ['31 bytes', good.slice(1), /too short/],
  ['two secrets, the second too short', `${good},tiny`, /secret 2 of 2 .*too short/],
  ['a comma at the end', `${good},`, /secret 2 of 2 .*too short/],
  ['a comma at the beginning', `,${good}`, /secret 1 of 2 .*too short/],
  ['a long secret with a comma in the middle', `${good.slice(1)},${other.slice(1)}`, /secret 1 of 2 .*too short/],
  ['one letter', 'a'.repeat(40), /repeats/],
  ['two letters without a pattern', 'abbabaabbaababbabaababbaabbabaab', /repeats/],
  ['a repeated word', 'seckill-sale-seckill-sale-seckill-sale-', /repeats/],
  ['a repeated word that is cut off', 'k3yF0rS4le!k3yF0rS4le!k3yF0rS4le', /repeats/],
  ['digits in their order', '12345678901234567890123456789012', /repeats/],
  ['a good secret written twice', `${good}${good}`, /repeats/],
  ['a secret twice in the list', `${good},${other},${good}`, /secret 3 of 3 .*repeats an earlier one/],
  ['a secret twice with a space', `${good}, ${good}`, /secret 2 of 2 .*repeats an earlier one/],
  ['the example of jwt.io', 'a-string-secret-at-least-256-bits-long', /well-known/],
  ['the older example of jwt.io, made longer', 'your-256-bit-secret-your-512-bit-secret', /well-known/],
  ['a placeholder of many templates', 'your-super-secret-jwt-token-with-at-least-32-characters-long', /well-known/],
  ['a placeholder in capitals', 'CHANGE_ME_TO_A_LONG_RANDOM_STRING', /well-known/],
  ['a word with changeme in front', 'changeme-9f1c4a7be2d05836-before-the-sale', /well-known/],
  ['words without spaces', 'ThisIsMySuperSecretKeyForSigningTokens', /well-known/],
  ['the meaning that our own files give', 'at least 32 bytes the same for every process', /well-known/],
  [
    'the key of RFC 7515',
    'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow',
    /well-known/,
  ],
  ['the key of a tutorial', '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970', /well-known/],
  ['the value in secret.example.yaml', example.stringData.JWT_SECRET, /well-known/],
];
for (const [description, setting, message] of refused) {
  test(`${description}: refused in one line that names JWT_SECRET and contains no secret`, () => {
    assert.throws(
      () => readConfig({ JWT_SECRET: setting }),
      (error: Error) =>
        error instanceof OperatorError &&
        /^JWT_SECRET: [^\n]+$/.test(error.message) &&
        message.test(error.message) &&
        ![setting, ...setting.split(',')].some((secret) => secret.length > 1 && error.message.includes(secret)),
    );
  });
}

test('no file that a user copies from names a secret that start would accept', () => {
  const files = ['.env.example', 'compose.yml', 'README.md', 'docs/OPERATIONS.md', 'SECURITY.md'];
  for (const file of files) {
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
    for (const [, value = ''] of text.matchAll(/JWT_SECRET[=:][ ]*["']?([^\s"'`]+)/g))
      assert.throws(() => readConfig({ JWT_SECRET: value }), /^JWT_SECRET: /, `${file}: ${value}`);
  }
});

const accepted: [description: string, setting: string][] = [
  ['32 hexadecimal digits', good],
  ['64 hexadecimal digits', `${good}${other}`],
  ['several secrets', `${good},${other}`],
  ['several secrets with spaces', `${good} , ${other}`],
  ['base64url', '4mUQ8nP1yq0o2V6sJtBzKx7cWfL9eRhDgTaYiXb5N3w'],
  ['base64 with its other characters', 'm+8Qn/P1yq0o2V6sJtBzKx7cWfL9eRhDgTaYiXb5N3w='],
  ['a passphrase', 'correct horse battery staple under the old bridge'],
];
for (const [description, setting] of accepted) {
  test(`${description}: accepted`, () => {
    assert.is(readConfig({ JWT_SECRET: setting }).jwtSecret, setting);
  });
}

test.run();
