import type { Knex } from 'knex';
import { countLost, type Losses } from '../src/infra/stores/stepBack.ts';

// Other systems that get every event: where each of them is, and what an operator has changed about that.
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS subscriptions (
    name VARBINARY(64) NOT NULL PRIMARY KEY,
    position BIGINT UNSIGNED NOT NULL COMMENT 'checkpoint: events up to it are delivered or skipped',
    failures INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'deliveries that failed since the last one that succeeded',
    error VARCHAR(500) NULL COMMENT 'of the last failed delivery'
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  // Rows that are only locked and never changed: the process that has the lock works for the subscription. A table of its own,
  // because the checkpoint is written meanwhile.
  await knex.raw(`CREATE TABLE IF NOT EXISTS subscription_leases (
    name VARBINARY(64) NOT NULL PRIMARY KEY
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  await knex.raw(`CREATE TABLE IF NOT EXISTS subscription_changes (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name VARBINARY(64) NOT NULL,
    action VARCHAR(10) CHARACTER SET ascii NOT NULL COMMENT 'skip, rewind',
    from_position BIGINT UNSIGNED NOT NULL,
    to_position BIGINT UNSIGNED NOT NULL,
    reason VARCHAR(500) NOT NULL,
    changed_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}

export const losses: Losses = (knex) =>
  countLost(knex, {
    subscriptions: 'checkpoints of subscriptions',
    subscription_changes: 'notes of what operators skipped or rewound',
  });

export async function down(knex: Knex): Promise<void> {
  for (const table of ['subscription_changes', 'subscription_leases', 'subscriptions'])
    await knex.schema.dropTableIfExists(table);
}
