import type { Knex } from 'knex';
import { type Losses, nothingIsLost } from '../src/infra/stores/stepBack.ts';

const PAGE = 1_000;

/**
 * The names of users in Unicode form NFC. Two names that differ only by normalization look alike, and the primary key lets only one
 * of them be registered. Users who registered before stay: of two that look alike, the older one gets the row.
 */
export async function up(knex: Knex): Promise<void> {
  // NFC needs up to three times as many bytes. With the foreign key, deleting a user releases the name.
  await knex.raw(`CREATE TABLE IF NOT EXISTS normalized_usernames (
    normalized VARBINARY(768) NOT NULL PRIMARY KEY,
    user_id BIGINT UNSIGNED NOT NULL,
    KEY (user_id),
    FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  for (let after = 0; ; ) {
    const users: { id: number; username: Buffer }[] = await knex('users')
      .select('id', 'username')
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE);
    const last = users.at(-1);
    if (last === undefined) return;
    await knex.transaction((trx) => addPage(trx, users));
    after = last.id;
  }
}

/** The names follow from the table of users. */
export const losses: Losses = nothingIsLost;

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('normalized_usernames');
}

/** `users` in the order of their ids. Skips the names that are in the table already, so a page can be repeated. */
async function addPage(trx: Knex.Transaction, users: { id: number; username: Buffer }[]): Promise<void> {
  const oldest = new Map<string, number>();
  for (const { id, username } of users) {
    const normalized = username.toString().normalize('NFC');
    if (!oldest.has(normalized)) oldest.set(normalized, id);
  }
  const taken: { normalized: Buffer }[] = await trx('normalized_usernames')
    .select('normalized')
    .whereIn('normalized', [...oldest.keys()]);
  for (const { normalized } of taken) oldest.delete(normalized.toString());
  if (oldest.size === 0) return;
  await trx('normalized_usernames').insert([...oldest].map(([normalized, user_id]) => ({ normalized, user_id })));
}
