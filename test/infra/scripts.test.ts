import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { grabKeys } from '../../src/infra/keys.ts';
import { readScripts } from '../../src/infra/scripts.ts';

const test = suite('the Lua scripts');
const headerOf = (source: string) => source.slice(0, source.indexOf(']]'));
const bodyOf = (source: string) => source.slice(source.indexOf(']]'));
const listed = (source: string, kind: 'KEYS' | 'ARGV') =>
  [...headerOf(source).matchAll(new RegExp(`^${kind}\\[(\\d+)\\] (\\w+)`, 'gm'))].map(([, place, name]) => [
    Number(place),
    name,
  ]);

test('the loader finds every script', () => {
  assert.equal(
    readScripts()
      .map(({ name }) => name)
      .sort(),
    [
      'changeTerms',
      'claimIdempotencyKey',
      'closeCoupon',
      'commitBatch',
      'confirmLogged',
      'createCoupon',
      'deadLetter',
      'grabCoupon',
      'pauseCoupon',
      'putBack',
      'readCoupons',
      'redeemCode',
      'releaseGrab',
      'releaseReservation',
      'reserveRoom',
      'restockCoupon',
      'restoreCoupon',
      'resumeCoupon',
      'splitEntry',
      'undoRedemption',
      'writeToReplicas',
    ],
  );
});

for (const { name, source, lua, numberOfKeys } of readScripts()) {
  test(`${name}: the header begins with a sentence and lists the replies`, () => {
    assert.match(source, /^--\[\[\n[A-Z][^\n]+\.\n/);
    assert.match(headerOf(source), /^Replies\n {2}\{'/m);
  });

  test(`${name}: the header numbers KEYS from 1 and lists as many as the loader passes`, () => {
    const places = listed(source, 'KEYS').map(([place]) => place);
    assert.equal(
      places,
      places.map((_, i) => i + 1),
    );
    if (numberOfKeys !== undefined) assert.is(places.length, numberOfKeys);
  });

  test(`${name}: the body reads KEYS and ARGV into variables with the names and the order of the header`, () => {
    for (const kind of ['KEYS', 'ARGV'] as const) {
      const names = listed(source, kind).map(([, word]) => word);
      const [, locals] =
        new RegExp(`^local ([\\w, ]+) = (?:unpack\\(${kind}(?:, 1, ${names.length})?\\)|${kind}\\[1\\])`, 'm').exec(
          bodyOf(source),
        ) ?? [];
      if (names.length > 0 && locals !== undefined) assert.equal(locals.split(', '), names);
      else assert.ok(names.length === 0 || kind === 'ARGV');
    }
  });

  test(`${name}: the body reads the keys of each coupon into variables with the names and the order of the header`, () => {
    const each = [...headerOf(source).matchAll(/^KEYS\[n\+(\d+)\] (\w+)/gm)];
    assert.is(each.length > 0, numberOfKeys === undefined);
    if (each.length === 0) return;
    assert.equal(
      each.map(([, place]) => Number(place)),
      each.map((_, i) => i + 1),
    );
    const names = each.map(([, , word]) => word).join(', ');
    if (name === 'readCoupons') return assert.ok(bodyOf(source).includes(`for place, ${names} in ipairs(KEYS) do`));
    assert.ok(bodyOf(source).includes(`local ${names} = unpack(KEYS, keysFrom + 1, keysFrom + COUPON_KEYS)`));
    assert.ok(bodyOf(source).includes(`FIXED_KEYS, COUPON_KEYS = ${listed(source, 'KEYS').length}, ${each.length}`));
    assert.equal(
      grabKeys(3, { seller: 'ann', name: 'a' }).map((key) => key.replace('seckill:{3}:', '').replace(':ann/a', '')),
      ['coupon', 'holders', 'answers', 'requests', 'unlogged-changes'],
    );
  });

  test(`${name}: the header lists every reply of the body`, () => {
    const replies = [...bodyOf(source).matchAll(/return \{ ('[\w-]+')/g)].map(([, reply]) => reply);
    assert.ok(replies.length > 0);
    for (const reply of replies) assert.ok(headerOf(source).includes(`{${reply}`), `${reply} is not in the header`);
  });

  test(`${name}: the loader replaces every include by code`, () => {
    assert.not.match(lua, /^-- @include/m);
    for (const [, part] of source.matchAll(/^-- @include (\S+)$/gm)) assert.ok(part && lua.length > source.length);
  });
}

test.run();
