import type { Knex } from 'knex';
import { countLost, type Losses } from '../src/infra/stores/stepBack.ts';

// The users of an identity provider are called by their subject: up to 255 characters of 4 bytes, after a prefix of up to 32 bytes. Both
// lengths of these columns need two bytes, so the server changes the description of the table and rewrites no row.

const columns = [
  ['event_log', 'seller'],
  ['coupons', 'seller'],
  ['coupon_grabs', 'customer'],
  ['sales_per_minute', 'seller'],
] as const;

export async function up(knex: Knex): Promise<void> {
  for (const [table, column] of columns) await setLength(knex, table, column, 1_052);
}

export const losses: Losses = (knex) =>
  countLost(
    knex,
    Object.fromEntries(
      columns.map(([table, column]) => [
        table,
        { what: `rows of ${table} with a name over 256 bytes`, where: `LENGTH(${column}) > 256` },
      ]),
    ),
  );

/** Fails on names that the old columns cannot hold. */
export async function down(knex: Knex): Promise<void> {
  for (const [table, column] of columns) await setLength(knex, table, column, 256);
}

async function setLength(knex: Knex, table: string, column: string, bytes: number): Promise<void> {
  await knex.raw(`ALTER TABLE ${table} MODIFY ${column} VARBINARY(${bytes}) NOT NULL`);
}
