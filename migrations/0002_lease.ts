import type { Knex } from 'knex';
import { type Losses, nothingIsLost } from '../src/infra/stores/stepBack.ts';

// One row that is only locked and never changed: processes that decide share the lock, reconcile takes it alone (src/infra/lease.ts).
export async function up(knex: Knex): Promise<void> {
  await knex.raw('CREATE TABLE IF NOT EXISTS lease (id TINYINT UNSIGNED NOT NULL PRIMARY KEY) ENGINE=InnoDB');
  const [row] = await knex('lease').where({ id: 1 });
  if (row === undefined) await knex('lease').insert({ id: 1 });
}

export const losses: Losses = nothingIsLost;

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('lease');
}
