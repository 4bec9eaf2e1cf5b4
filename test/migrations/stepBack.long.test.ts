import { rejects } from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Closer } from '../../src/infra/closers.ts';
import { connectMysql, type Mysql } from '../../src/infra/stores/mysql.ts';
import { findKnownMigrations, migrateTables } from '../../src/infra/stores/openMysql.ts';
import { stepBack } from '../../src/infra/stores/stepBack.ts';
import { applyBatch } from '../../src/projections/applyBatch.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { couponRef, created, delivery, grabbed } from '../support/sampleEvents.ts';
import { createDatabase } from '../support/testStores.ts';

const names = readdirSync(new URL('../../migrations/', import.meta.url))
  .sort()
  .map((file) => file.replace('.ts', ''));
const known = await findKnownMigrations();
const closers: Closer[] = [];
const test = suite('a step back of the migrations');

async function givenTables() {
  const url = await createDatabase();
  await migrateTables(url);
  const { mysql, close } = connectMysql(url, 2);
  closers.push(close);
  return { url, mysql };
}
const back = (url: string) => stepBack(url, known);
const applied = async (mysql: Mysql) => (await mysql('knex_migrations').orderBy('name')).map(({ name }) => name);
const user = { username: 'ann', kind: 'seller', password_hash: 'x' };
const coupon = couponRef('sea');

const grabWithCode = async (mysql: Mysql, customer = 'bob') => {
  await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, customer, 2, '0123456789AB'))]);
};

/** Data that the step back of a migration would lose, and what the refusal says; `nothing` where no data can be lost. */
const cases: Record<string, 'nothing' | { given: (mysql: Mysql) => Promise<unknown>; refusal: string }> = {
  '0001_tables': {
    async given(mysql) {
      await mysql('users').insert(user);
      await mysql('revoked_tokens').insert({ jti: 'j', expires_at: 1 });
    },
    refusal: '1 users and 1 revoked tokens',
  },
  '0002_lease': 'nothing',
  '0012_partition_leases': 'nothing',
  '0003_replay': 'nothing',
  '0004_normalized_usernames': 'nothing',
  '0005_coupon_life': { given: grabWithCode, refusal: '1 pieces with a code, a redemption or a return' },
  '0006_coupon_lists': 'nothing',
  '0007_subscriptions': {
    given: (mysql) => mysql('subscriptions').insert({ name: 'orders', position: 7 }),
    refusal: '1 checkpoints of subscriptions',
  },
  '0009_provider_names': {
    given: (mysql) => grabWithCode(mysql, 'n'.repeat(255).concat('\u{1f600}')),
    refusal: '1 rows of coupon_grabs with a name over 256 bytes',
  },
  '0010_webhooks': {
    given: (mysql) =>
      mysql('webhooks').insert({ id: 'w', owner: 'ann', url: 'https://shop.example/', secret: 'x', created_at: 1 }),
    refusal: '1 webhooks with their secrets',
  },
  '0011_archive': {
    given: (mysql) =>
      mysql('archived_coupons').insert({
        ...{ coupon_id: Buffer.alloc(16), seller: 'ann', name: 'sea' },
        ...{ version: 2, last_position: 2, digest: 'd'.repeat(43) },
      }),
    refusal: '1 archived coupons with their events',
  },
};

test('each migration says what its step back would lose, and is tried here', () => {
  assert.equal(Object.keys(cases).sort(), names);
});

for (const [name, one] of Object.entries(cases)) {
  if (one === 'nothing') continue;
  test(`${name} is not taken back where that would lose data, and the refusal says what`, async () => {
    // Given the tables as this migration left them, with data.
    const { url, mysql } = await givenTables();
    const from = names.slice(names.indexOf(name) + 1).reverse();
    const isOld = name < '0005';
    if (!isOld) await one.given(mysql);
    for (const newer of from) assert.is(await back(url), newer);
    if (isOld) await one.given(mysql);
    const before = await applied(mysql);

    await rejects(() => back(url), {
      message: `${name} was not taken back, because that would lose ${one.refusal} for ever`,
    });

    assert.equal(await applied(mysql), before);
    assert.is(before.at(-1), name);
  });
}

test('a plain sale goes back through every migration that loses nothing, and forward again by a replay', async () => {
  // Given a sale as the first release could have made it.
  const { url, mysql } = await givenTables();
  await mysql('users').insert(user);
  const [{ id }] = await mysql('users').select('id');
  await mysql('normalized_usernames').insert({ normalized: 'ann', user_id: id });
  await applyBatch(mysql, [delivery(created(coupon, 3)), delivery(grabbed(coupon, 2, 'bob', 2))]);
  const tables = ['users', 'normalized_usernames', 'event_log', 'coupons', 'coupon_grabs', 'sales_per_minute'];
  const rows = async () => Object.fromEntries(await Promise.all(tables.map(async (t) => [t, await mysql(t)])));
  const before = await rows();

  for (const name of [...names.slice(1)].reverse()) assert.is(await back(url), name);
  await rejects(
    () => back(url),
    /0001_tables was not taken back, because that would lose 1 users and 2 events for ever/,
  );
  await migrateTables(url);
  const { status, stderr } = await startProgram('src/tools/replay.ts', { MYSQL_URL: url }).ended;

  assert.is(status, 0, stderr);
  assert.equal(await rows(), before);
});

test('--status shows each migration, changes nothing, and exits with 0 only when the tables are up to date', async () => {
  const { url, mysql } = await givenTables();
  const run = (...args: string[]) => startProgram('src/tools/migrate.ts', { MYSQL_URL: url }, args).ended;

  const current = await run('--status');
  assert.is(current.status, 0, current.stderr);
  for (const name of names) assert.match(current.stdout, new RegExp(`${name} .*applied \\d{4}-\\d\\d-\\d\\dT[\\d:]+Z`));

  await mysql('knex_migrations')
    .where({ name: names.at(-1) })
    .update({ name: '9999_of_tomorrow' });
  const other = await run('--status', '--json');
  assert.is(other.status, 1);
  const states = JSON.parse(other.stdout).map(({ name, state }: { name: string; state: string }) => [name, state]);
  assert.equal(states.slice(-2), [
    [names.at(-1), 'pending'],
    ['9999_of_tomorrow', 'unknown'],
  ]);
  const refused = await run('--down');
  assert.is(refused.status, 1);
  assert.match(
    refused.stderr,
    /^9999_of_tomorrow is unknown to this release: go back with the release that applied it$/m,
  );
  assert.equal((await applied(mysql)).slice(-1), ['9999_of_tomorrow']);

  const empty = await startProgram('src/tools/migrate.ts', { MYSQL_URL: await createDatabase() }, ['--status']).ended;
  assert.is(empty.status, 1);
  assert.match(empty.stdout, /0001_tables .*pending/);
  assert.is((await run('--status', '--down')).status, 2);
});

test('--down takes the newest migration back, and a refusal exits with 1', async () => {
  const { url, mysql } = await givenTables();
  const run = () => startProgram('src/tools/migrate.ts', { MYSQL_URL: url }, ['--down']).ended;
  const first = await run();
  assert.is(first.status, 0, first.stderr);
  assert.match(first.stdout, new RegExp(`^taken back: ${names.at(-1)};`));
  assert.is((await applied(mysql)).includes(names.at(-1)), false);
});

test.after(async () => {
  await endPrograms();
  for (const close of closers) await close();
});
test.run();
