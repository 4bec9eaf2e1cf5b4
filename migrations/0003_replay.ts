import type { Knex } from 'knex';

export async function up(knex: Knex): Promise<void> {
  // One row that every transaction of the projection locks shared, and a replay exclusively: its pause.
  await knex.raw(`CREATE TABLE IF NOT EXISTS projection_pause (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);
  const [[row]] = await knex.raw('SELECT COUNT(*) AS counted FROM projection_pause');
  if (Number(row.counted) === 0) await knex.raw('INSERT INTO projection_pause (id) VALUES (1)');

  // By coupon and not by seller: whoever counts holds the lock of the coupon's row already, so no two transactions ever
  // wait for each other's counter or insert the same one.
  await knex.raw(`CREATE TABLE IF NOT EXISTS sales_per_minute (
    coupon_id BINARY(16) NOT NULL,
    minute BIGINT UNSIGNED NOT NULL COMMENT 'minutes since 1970, clock of Redis',
    seller VARBINARY(256) NOT NULL,
    name VARBINARY(400) NOT NULL,
    grabs BIGINT UNSIGNED NOT NULL,
    PRIMARY KEY (coupon_id, minute),
    KEY seller (seller, minute)
  ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`);

  // A name of its own is taken in the whole database, so a rebuilt table could not have it as well. One that the server
  // makes from the table's name follows when the table is renamed.
  const [named] = await knex.raw(
    `SELECT 1 FROM information_schema.table_constraints WHERE constraint_schema = DATABASE()
     AND table_name = 'coupon_grabs' AND constraint_name = 'coupon_grabs_coupon'`,
  );
  if (named.length > 0) {
    await knex.raw('ALTER TABLE coupon_grabs DROP FOREIGN KEY coupon_grabs_coupon');
    await knex.raw('ALTER TABLE coupon_grabs ADD FOREIGN KEY (coupon_id) REFERENCES coupons (id)');
  }
}

export async function down(knex: Knex): Promise<void> {
  await knex.schema.dropTableIfExists('sales_per_minute');
  await knex.schema.dropTableIfExists('projection_pause');
}
