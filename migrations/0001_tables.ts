import type { Knex } from 'knex';
import { createTriggers } from '../src/infra/stores/eventLogGuard.ts';
import { countLost, type Losses } from '../src/infra/stores/stepBack.ts';

// Names and ids are VARBINARY / BINARY: the only types that both MySQL 8 and MariaDB compare byte by byte and without padding
// (utf8mb4_bin pads with spaces in MariaDB). The lengths allow the contract's longest names at 4 bytes a character.
// DDL commits implicitly, so every statement can be repeated after an interrupted migration.
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`CREATE TABLE IF NOT EXISTS users (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    username VARBINARY(256) NOT NULL UNIQUE,
    kind VARCHAR(8) CHARACTER SET ascii NOT NULL,
    password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  await knex.raw(`CREATE TABLE IF NOT EXISTS revoked_tokens (
    jti VARBINARY(64) NOT NULL PRIMARY KEY,
    expires_at BIGINT UNSIGNED NOT NULL COMMENT 'seconds since 1970',
    KEY (expires_at)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  await knex.raw(`CREATE TABLE IF NOT EXISTS event_log (
    position BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    coupon_id BINARY(16) NOT NULL,
    version BIGINT UNSIGNED NOT NULL,
    type VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    seller VARBINARY(256) NOT NULL,
    name VARBINARY(400) NOT NULL,
    occurred_at BIGINT UNSIGNED NOT NULL COMMENT 'microseconds since 1970, clock of Redis',
    data MEDIUMTEXT NOT NULL COMMENT 'JSON',
    UNIQUE KEY event (coupon_id, version)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  // Where the server lets this user create none, the privileges of the server's user are the guard.
  await createTriggers(knex);

  await knex.raw(`CREATE TABLE IF NOT EXISTS coupons (
    id BINARY(16) NOT NULL PRIMARY KEY,
    seller VARBINARY(256) NOT NULL,
    name VARBINARY(400) NOT NULL,
    amount BIGINT UNSIGNED NOT NULL,
    stock BIGINT UNSIGNED NOT NULL,
    description MEDIUMTEXT NOT NULL,
    pieces_left BIGINT UNSIGNED NOT NULL,
    version BIGINT UNSIGNED NOT NULL COMMENT 'of the event that pieces_left comes from',
    created_at BIGINT UNSIGNED NOT NULL COMMENT 'microseconds since 1970, clock of Redis',
    UNIQUE KEY name (seller, name)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  await knex.raw(`CREATE TABLE IF NOT EXISTS coupon_grabs (
    coupon_id BINARY(16) NOT NULL,
    version BIGINT UNSIGNED NOT NULL,
    customer VARBINARY(256) NOT NULL,
    grabbed_at BIGINT UNSIGNED NOT NULL COMMENT 'microseconds since 1970, clock of Redis',
    PRIMARY KEY (coupon_id, version),
    UNIQUE KEY holder (coupon_id, customer),
    KEY customer (customer, grabbed_at),
    CONSTRAINT coupon_grabs_coupon FOREIGN KEY (coupon_id) REFERENCES coupons (id)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
}

/** Users and events are in no other table; coupons and coupon_grabs follow from the events. */
export const losses: Losses = (knex) =>
  countLost(knex, { users: 'users', revoked_tokens: 'revoked tokens', event_log: 'events' });

export async function down(knex: Knex): Promise<void> {
  for (const table of ['coupon_grabs', 'coupons', 'event_log', 'revoked_tokens', 'users']) {
    await knex.schema.dropTableIfExists(table);
  }
}
