import { suite } from 'uvu';
import * as assert from 'uvu/assert';
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
      'redeemCode',
      'releaseGrab',
      'releaseReservation',
      'restockCoupon',
      'restoreCoupon',
      'resumeCoupon',
      'undoRedemption',
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
      Array.from({ length: numberOfKeys }, (_, i) => i + 1),
    );
  });

  test(`${name}: the body reads KEYS and ARGV into variables with the names and the order of the header`, () => {
    for (const kind of ['KEYS', 'ARGV'] as const) {
      const names = listed(source, kind).map(([, word]) => word);
      const [, locals] =
        new RegExp(`^local ([\\w, ]+) = (?:unpack\\(${kind}\\)|${kind}\\[1\\])`, 'm').exec(bodyOf(source)) ?? [];
      if (names.length > 0 && locals !== undefined) assert.equal(locals.split(', '), names);
      else assert.ok(names.length === 0 || kind === 'ARGV');
    }
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
