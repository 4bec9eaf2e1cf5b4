import type { Knex } from 'knex';
import { LEASE_ROWS } from '../src/infra/shards/dataSet.ts';
import { type Losses, nothingIsLost } from '../src/infra/stores/stepBack.ts';

// A lease for each partition, for a Redis Cluster: one of its masters is reconciled while processes decide on the others. The first row
// is that of all partitions of a single Redis.
export async function up(knex: Knex): Promise<void> {
  const present = new Set((await knex('lease').select('id')).map(({ id }) => Number(id)));
  for (let id = 1; id <= LEASE_ROWS; id++) if (!present.has(id)) await knex('lease').insert({ id });
}

export const losses: Losses = nothingIsLost;

export async function down(knex: Knex): Promise<void> {
  await knex('lease').where('id', '>', 1).delete();
}
