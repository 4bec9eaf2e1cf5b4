import type { Knex } from 'knex';
import { type Losses, nothingIsLost } from '../src/infra/stores/stepBack.ts';

export async function up(knex: Knex): Promise<void> {
  // One row, which every transaction of the MySQL projection locks shared. A replay locks it exclusively to pause the projection.
  await knex.raw(`CREATE TABLE IF NOT EXISTS projection_pause (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  const [[row]] = await knex.raw('SELECT COUNT(*) AS counted FROM projection_pause');
  if (Number(row.counted) === 0) await knex.raw('INSERT INTO projection_pause (id) VALUES (1)');

  // Counted by coupon and not by seller: a transaction that counts grabs holds the lock on the coupon's row already, so two
  // transactions never wait for each other's counter and never insert the same one.
  await knex.raw(`CREATE TABLE IF NOT EXISTS sales_per_minute (
    coupon_id BINARY(16) NOT NULL,
    minute BIGINT UNSIGNED NOT NULL COMMENT 'minutes since 1970, clock of Redis',
    seller VARBINARY(256) NOT NULL,
    name VARBINARY(400) NOT NULL,
    grabs BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (coupon_id, minute),
    KEY seller (seller, minute)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  // An explicit name of a foreign key is unique in the whole database, so a rebuilt table could not have the same. A name that the
  // server derives from the table's name is changed with it when the table is renamed.
  const [named] = await knex.raw(
    `SELECT 1 FROM information_schema.table_constraints WHERE constraint_schema = DATABASE()
     AND table_name = 'coupon_grabs' AND constraint_name = 'coupon_grabs_coupon'`,
  );
  if (named.length > 0) {
    await knex.raw('ALTER TABLE coupon_grabs DROP FOREIGN KEY coupon_grabs_coupon');
    await knex.raw('ALTER TABLE coupon_grabs ADD FOREIGN KEY (coupon_id) REFERENCES coupons (id)');
  }
}

/** `npm run replay` counts the sales per minute again. */
export const losses: Losses = nothingIsLost;

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('sales_per_minute');
  await knex.schema.dropTableIfExists('projection_pause');
}
