import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';

// With every address trusted, the address of a client is whatever it writes into X-Forwarded-For, and no limit of an address holds.

const test = suite('TRUST_PROXY');

for (const range of [
  '0.0.0.0/0',
  '::/0',
  '::ffff:0.0.0.0/0',
  '10.0.0.0/00',
  '10.0.0.0/8, 0.0.0.0/0',
  '10.0.0.0/33',
  'all',
])
  test(`${range} is refused`, () => {
    assert.throws(() => readConfig({ TRUST_PROXY: range }), /^TRUST_PROXY: /);
  });

for (const range of ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', '0.0.0.0', '10.0.0.0/8,192.168.0.0/16'])
  test(`${range} is accepted`, () => {
    assert.equal(readConfig({ TRUST_PROXY: range }).proxy.trusted, range.split(','));
  });

test.run();
