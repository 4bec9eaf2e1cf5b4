import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { down, up } from '../../migrations/0004_normalized_usernames.ts';
import { openTestSystem } from '../support/testSystem.ts';

const { system, close } = await openTestSystem();
const { mysql } = system;
const test = suite('the migration of usernames');

const nfc = 'zoë';
const nfd = nfc.normalize('NFD');
const row = (username: string) => ({ username, kind: 'customer', password_hash: 'x' });
const holders = async () => {
  const rows: { normalized: Buffer; username: Buffer }[] = await mysql('normalized_usernames')
    .join('users', 'users.id', 'user_id')
    .select('normalized', 'username')
    .orderBy('users.id');
  return rows.map(({ normalized, username }) => [normalized.toString(), username.toString()]);
};

test('existing users get their rows, page by page, and the older of two look-alikes keeps the name', async () => {
  // Given users who registered without the table, and a younger look-alike on the same page and on a later one.
  await down(mysql);
  const names = Array.from({ length: 2_100 }, (_, i) => `user-${i}`);
  const [acute, grave] = ['bób', 'bòb'];
  await mysql('users').insert([nfd, acute, nfc].map(row));
  await mysql('users').insert(names.map(row));
  await mysql('users').insert([acute.normalize('NFD'), grave.normalize('NFD'), 'late'].map(row));
  await up(mysql);
  const all = await holders();
  assert.is(all.length, 2 + names.length + 2);
  assert.equal(all.slice(0, 2), [
    [nfc, nfd],
    [acute, acute],
  ]);
  assert.equal(all.slice(-2), [
    [grave, grave.normalize('NFD')],
    ['late', 'late'],
  ]);
});

test('it can be repeated after an interruption, and reverted', async () => {
  const before = await holders();
  await mysql('normalized_usernames').where('user_id', '>', 1_000).delete();
  await up(mysql);
  assert.equal(await holders(), before);
  await down(mysql);
  assert.not(await mysql.schema.hasTable('normalized_usernames'));
  await up(mysql);
  assert.equal(await holders(), before);
});

test('deleting a user releases the name', async () => {
  await mysql('users').where({ username: nfd }).delete();
  assert.equal(await mysql('normalized_usernames').where({ normalized: nfc }), []);
});

test.after(close);
test.run();
