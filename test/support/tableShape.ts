import type { Knex } from 'knex';

/**
 * What a table is: columns, keys, foreign keys. Its text in SHOW CREATE TABLE is no measure: MySQL 9 spells out the character set of a
 * column where the table was made from such a text, although the table's own is the same.
 */
export async function tableShape(mysql: Knex, table: string) {
  const rows = async (sql: string) => (await mysql.raw(sql, [table]))[0].map((row: object) => ({ ...row }));
  return {
    columns: await rows(
      `SELECT column_name AS name, column_type AS type, is_nullable AS nullable, column_default AS fallback, extra,
         character_set_name AS charset, collation_name AS collation, column_comment AS comment
       FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`,
    ),
    keys: await rows(
      `SELECT index_name AS name, non_unique AS repeats, column_name AS part, sub_part AS prefix, index_type AS type
       FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = ?
       ORDER BY index_name, seq_in_index`,
    ),
    // The names of foreign keys are left out: the server derives them from the name that the table had at first.
    parents: await rows(
      `SELECT k.column_name AS part, k.referenced_table_name AS parent, k.referenced_column_name AS parentColumn,
         r.delete_rule AS onDelete, r.update_rule AS onUpdate
       FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
         ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name
       WHERE k.table_schema = DATABASE() AND k.table_name = ? ORDER BY k.constraint_name, k.ordinal_position`,
    ),
    table: await rows(
      `SELECT engine, table_collation AS collation, table_comment AS comment, create_options AS options
       FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?`,
    ),
  };
}
