import type { Knex } from 'knex';
import { countLost, type Losses } from '../src/infra/stores/stepBack.ts';

// Sale windows, limits, pauses, codes, redemptions and releases. Existing rows keep their meaning: a coupon without a window that is
// open, one piece for each customer, and grabs without a code. Every step can be repeated after an interrupted migration.

const couponColumns = {
  per_customer: "INT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'pieces that one customer may hold'",
  starts_at: "BIGINT UNSIGNED NULL COMMENT 'microseconds since 1970, clock of Redis'",
  ends_at: "BIGINT UNSIGNED NULL COMMENT 'microseconds since 1970, clock of Redis'",
  valid_from: "BIGINT UNSIGNED NULL COMMENT 'microseconds since 1970, clock of Redis'",
  valid_until: "BIGINT UNSIGNED NULL COMMENT 'microseconds since 1970, clock of Redis'",
  phase: "VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'open'",
  amount_version: "BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'of the event that amount comes from'",
  terms_version: "BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'of the event that the terms come from'",
  phase_version: "BIGINT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'of the event that phase comes from'",
};
const grabColumns = {
  code: 'CHAR(12) CHARACTER SET ascii COLLATE ascii_bin NULL',
  redeemed_at: "BIGINT UNSIGNED NULL COMMENT 'microseconds since 1970, clock of Redis'",
  released_at: "BIGINT UNSIGNED NULL COMMENT 'microseconds since 1970, clock of Redis'",
  changed_version: "BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'of the last event about this piece after the grab'",
};

export async function up(knex: Knex): Promise<void> {
  await addColumns(knex, 'coupons', couponColumns);
  await addColumns(knex, 'coupon_grabs', grabColumns);
  const keys = await keysOf(knex, 'coupon_grabs');
  if (!keys.has('code')) await knex.raw('ALTER TABLE coupon_grabs ADD UNIQUE KEY code (code)');
  // A customer may hold several pieces, and may grab again after giving one back.
  if (!keys.has('customers')) await knex.raw('ALTER TABLE coupon_grabs ADD KEY customers (coupon_id, customer)');
  if (keys.has('holder')) await knex.raw('ALTER TABLE coupon_grabs DROP KEY holder');
}

/** The tables of before can hold none of these, and the release of before cannot read their events. */
export const losses: Losses = (knex) =>
  countLost(knex, {
    coupons: {
      what: 'coupons with a sale window, a period of validity, a limit per customer, or a phase',
      where: `per_customer <> 1 OR COALESCE(starts_at, ends_at, valid_from, valid_until) IS NOT NULL OR phase <> 'open'
        OR amount_version > 1 OR terms_version > 1 OR phase_version > 1`,
    },
    coupon_grabs: {
      what: 'pieces with a code, a redemption or a return',
      where: 'code IS NOT NULL OR changed_version > 0',
    },
  });

/** Fails on data that the old tables cannot hold: a customer with several pieces of a coupon. */
export async function down(knex: Knex): Promise<void> {
  const keys = await keysOf(knex, 'coupon_grabs');
  if (!keys.has('holder')) await knex.raw('ALTER TABLE coupon_grabs ADD UNIQUE KEY holder (coupon_id, customer)');
  for (const key of ['code', 'customers'])
    if (keys.has(key)) await knex.raw(`ALTER TABLE coupon_grabs DROP KEY ${key}`);
  await dropColumns(knex, 'coupon_grabs', Object.keys(grabColumns));
  await dropColumns(knex, 'coupons', Object.keys(couponColumns));
}

async function addColumns(knex: Knex, table: string, definitions: Record<string, string>): Promise<void> {
  const present = await columnsOf(knex, table);
  const missing = Object.entries(definitions).filter(([column]) => !present.has(column));
  if (missing.length === 0) return;
  await knex.raw(`ALTER TABLE ${table} ${missing.map((parts) => `ADD COLUMN ${parts.join(' ')}`).join(', ')}`);
}

async function dropColumns(knex: Knex, table: string, columns: readonly string[]): Promise<void> {
  const present = await columnsOf(knex, table);
  const dropped = columns.filter((column) => present.has(column));
  if (dropped.length === 0) return;
  await knex.raw(`ALTER TABLE ${table} ${dropped.map((column) => `DROP COLUMN ${column}`).join(', ')}`);
}

const columnsOf = async (knex: Knex, table: string) => {
  const [rows] = await knex.raw(`SHOW COLUMNS FROM ${table}`);
  return new Set((rows as { Field: string }[]).map(({ Field }) => Field));
};

const keysOf = async (knex: Knex, table: string) => {
  const [rows] = await knex.raw(`SHOW KEYS FROM ${table}`);
  return new Set((rows as { Key_name: string }[]).map(({ Key_name }) => Key_name));
};
