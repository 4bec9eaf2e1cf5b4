import type { Knex } from 'knex';
import { countLost, type Losses } from '../src/infra/stores/stepBack.ts';

// Endpoints of sellers and of the operator that get events by HTTP, and their last deliveries. The checkpoint of an endpoint is a row
// of `subscriptions` named `webhook:ID`.
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS webhooks (
    id VARBINARY(36) NOT NULL PRIMARY KEY,
    owner VARBINARY(1052) NULL COMMENT 'the seller; NULL: the operator, who gets all events',
    url VARCHAR(2048) NOT NULL,
    secret VARBINARY(255) NOT NULL COMMENT 'encrypted',
    previous_secret VARBINARY(255) NULL COMMENT 'encrypted; also signs until previous_until',
    previous_until BIGINT UNSIGNED NULL COMMENT 'milliseconds since 1970',
    state VARCHAR(10) CHARACTER SET ascii NOT NULL DEFAULT 'active' COMMENT 'active, paused, disabled',
    reason VARCHAR(500) NULL COMMENT 'why it is disabled',
    failing_since BIGINT UNSIGNED NULL COMMENT 'milliseconds since 1970: the first failure since the checkpoint last moved',
    created_at BIGINT UNSIGNED NOT NULL COMMENT 'milliseconds since 1970',
    KEY owner (owner)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  await knex.raw(`CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    webhook_id VARBINARY(36) NOT NULL,
    kind VARCHAR(10) CHARACTER SET ascii NOT NULL COMMENT 'event, resend, test',
    event_id VARBINARY(64) NOT NULL,
    position BIGINT UNSIGNED NULL COMMENT 'of the event in event_log; NULL for a test',
    type VARCHAR(40) CHARACTER SET ascii NOT NULL,
    subject VARCHAR(512) NOT NULL,
    sent_at BIGINT UNSIGNED NOT NULL COMMENT 'milliseconds since 1970',
    took_ms INT UNSIGNED NOT NULL,
    status SMALLINT UNSIGNED NULL COMMENT 'NULL: no answer',
    answer VARCHAR(500) NOT NULL COMMENT 'the beginning of the answer, or why there is none',
    KEY webhook (webhook_id, id)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}

export const losses: Losses = (knex) =>
  countLost(knex, { webhooks: 'webhooks with their secrets', webhook_deliveries: 'deliveries of webhooks' });

export async function down(knex: Knex): Promise<void> {
  for (const table of ['webhook_deliveries', 'webhooks']) await knex.schema.dropTableIfExists(table);
  await knex.raw("DELETE FROM subscriptions WHERE name LIKE 'webhook:%'");
}
