import type { Knex } from 'knex';
import { type Losses, nothingIsLost } from '../src/infra/stores/stepBack.ts';

// Keys for the filtered and sorted list of a seller's coupons (src/queries/searchCoupons.ts). None has the pieces left: every batch of
// grabs changes them, and would have to write the key as well.
const keys = {
  listed: 'seller, created_at, name',
  ending: 'seller, ends_at, name',
  opening: 'seller, starts_at',
  in_phase: 'seller, phase',
};

export async function up(knex: Knex): Promise<void> {
  const present = await keysOf(knex);
  const missing = Object.entries(keys).filter(([key]) => !present.has(key));
  if (missing.length === 0) return;
  await knex.raw(`ALTER TABLE coupons ${missing.map(([key, columns]) => `ADD KEY ${key} (${columns})`).join(', ')}`);
}

/** Keys hold nothing that the table does not. */
export const losses: Losses = nothingIsLost;

export async function down(knex: Knex): Promise<void> {
  const present = await keysOf(knex);
  const dropped = Object.keys(keys).filter((key) => present.has(key));
  if (dropped.length === 0) return;
  await knex.raw(`ALTER TABLE coupons ${dropped.map((key) => `DROP KEY ${key}`).join(', ')}`);
}

const keysOf = async (knex: Knex) => {
  const [rows] = await knex.raw('SHOW KEYS FROM coupons');
  return new Set((rows as { Key_name: string }[]).map(({ Key_name }) => Key_name));
};
