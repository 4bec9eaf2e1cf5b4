import type { Knex } from 'knex';
import { createTriggers } from '../src/infra/stores/eventLogGuard.ts';
import { countLost, type Losses } from '../src/infra/stores/stepBack.ts';

// The events of coupons that are over, packed: one row for thousands of events, without their keys. A coupon is archived from the
// moment its row is in archived_coupons; pages without that row are remains of a run that was killed.
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS archived_coupons (
    coupon_id BINARY(16) NOT NULL PRIMARY KEY,
    seller VARBINARY(1052) NOT NULL,
    name VARBINARY(400) NOT NULL,
    version BIGINT UNSIGNED NOT NULL COMMENT 'the events up to this version are archived',
    last_position BIGINT UNSIGNED NOT NULL COMMENT 'the highest position that one of them had in event_log',
    digest CHAR(43) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'hash of the last event in the file',
    archived_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    KEY (last_position),
    KEY (archived_at)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  await knex.raw(`CREATE TABLE IF NOT EXISTS archived_pages (
    coupon_id BINARY(16) NOT NULL,
    last_version BIGINT UNSIGNED NOT NULL,
    events MEDIUMBLOB NOT NULL COMMENT 'gzip, a JSON array a line',
    PRIMARY KEY (coupon_id, last_version)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  // The trigger of before refuses every DELETE. It goes only after the one that refuses all events that are not archived is there.
  await createTriggers(knex);
}

/** The events of archived coupons are in no other table. */
export const losses: Losses = (knex) => countLost(knex, { archived_coupons: 'archived coupons with their events' });

export async function down(knex: Knex): Promise<void> {
  for (const table of ['archived_pages', 'archived_coupons']) await knex.schema.dropTableIfExists(table);
}
