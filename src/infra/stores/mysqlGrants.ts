import { OperatorError } from '../../operatorError.ts';
import type { Mysql } from './mysql.ts';
import { isDenied, isWithoutDefault } from './mysqlErrors.ts';

interface TablePrivileges {
  /** A column of the table, for the trial of the privileges. */
  column: string;
  privileges: readonly ('SELECT' | 'INSERT' | 'UPDATE' | 'DELETE' | 'UPDATE (password_hash)')[];
}

/**
 * What the server's user may do. It appends to the log, and cannot change or delete an event. It cannot change the shape of a table:
 * `npm run migrate` does that with a user of its own. A test runs a server with exactly these privileges, and without each of them.
 */
const serverPrivileges: Readonly<Record<string, TablePrivileges>> = {
  event_log: { column: 'position', privileges: ['SELECT', 'INSERT'] },
  coupons: { column: 'id', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  coupon_grabs: { column: 'coupon_id', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  sales_per_minute: { column: 'coupon_id', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  users: { column: 'password_hash', privileges: ['SELECT', 'INSERT', 'UPDATE (password_hash)'] },
  normalized_usernames: { column: 'user_id', privileges: ['INSERT'] },
  revoked_tokens: { column: 'jti', privileges: ['SELECT', 'INSERT', 'DELETE'] },
  // MySQL lets only users who may write to a table lock its rows FOR UPDATE; MariaDB does not ask.
  lease: { column: 'id', privileges: ['SELECT', 'UPDATE'] },
  projection_pause: { column: 'id', privileges: ['SELECT', 'UPDATE'] },
  subscriptions: { column: 'name', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
  // An operator skips an event through the server.
  subscription_changes: { column: 'name', privileges: ['INSERT'] },
  subscription_leases: { column: 'name', privileges: ['SELECT', 'INSERT', 'UPDATE'] },
  webhooks: { column: 'id', privileges: ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] },
  webhook_deliveries: { column: 'id', privileges: ['SELECT', 'INSERT', 'DELETE'] },
  archived_coupons: { column: 'coupon_id', privileges: ['SELECT'] },
  archived_pages: { column: 'coupon_id', privileges: ['SELECT'] },
  knex_migrations: { column: 'name', privileges: ['SELECT'] },
};

/** The statements that give an account what the server needs in a database. The tables must exist. */
export const serverGrants = (database: string, account: string): string[] =>
  Object.entries(serverPrivileges).map(
    ([table, { privileges }]) => `GRANT ${privileges.join(', ')} ON ${database}.${table} TO ${account}`,
  );

/** A statement that needs the privilege and changes nothing: a server checks privileges before it looks for rows. */
function trialOf(privilege: string, table: string, column: string): string {
  const verb = privilege.split(' ')[0];
  if (verb === 'SELECT') return `SELECT 1 FROM ${table} LIMIT 0`;
  // Most tables refuse it all the same, because their other columns have no defaults.
  if (verb === 'INSERT') return `INSERT INTO ${table} (${column}) SELECT NULL FROM DUAL WHERE 1 = 0`;
  if (verb === 'UPDATE') return `UPDATE ${table} SET ${column} = ${column} WHERE 1 = 0`;
  return `DELETE FROM ${table} WHERE 1 = 0`;
}

/**
 * Tries every privilege that the server needs: a limited user would otherwise be found out by the first statement that fails, in the
 * middle of a sale. Resolves to those that are missing.
 */
export async function findMissingPrivileges(mysql: Mysql): Promise<string[]> {
  const missing: string[] = [];
  await mysql.transaction(async (trx) => {
    for (const [table, { column, privileges }] of Object.entries(serverPrivileges))
      for (const privilege of privileges)
        if (!(await isAllowed(trx, privilege, table, column))) missing.push(`${privilege} ON ${table}`);
  });
  return missing;
}

/** Whether the privileges of this user let it change or delete an event. */
export async function mayChangeLog(mysql: Mysql): Promise<boolean> {
  const may = (privilege: string) => isAllowed(mysql, privilege, 'event_log', 'position');
  return (await may('UPDATE')) || (await may('DELETE'));
}

async function isAllowed(mysql: Mysql, privilege: string, table: string, column: string): Promise<boolean> {
  try {
    await mysql.raw(trialOf(privilege, table, column));
    return true;
  } catch (error) {
    if (isDenied(error)) return false;
    if (isWithoutDefault(error)) return true;
    throw error;
  }
}

/** Throws OperatorError with the privileges that are missing. */
export async function mustHavePrivileges(mysql: Mysql): Promise<void> {
  const missing = await findMissingPrivileges(mysql);
  if (missing.length > 0)
    throw new OperatorError(
      `MYSQL_URL: its user lacks privileges: ${missing.join('; ')} (docs/OPERATIONS.md has the grants that suffice)`,
    );
}
