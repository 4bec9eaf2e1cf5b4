import { readFileSync } from 'node:fs';

/** One privilege of a user of MySQL on a table, or on `*`. */
export interface Grant {
  privilege: string;
  table: string;
}
export type DocumentedUser =
  | 'seckill'
  | 'seckill_migrate'
  | 'seckill_replay'
  | 'seckill_read'
  | 'seckill_subscribers'
  | 'seckill_archive';

const operations = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8');

/** The GRANT statements in docs/OPERATIONS.md for this user, without the semicolon. */
export const grantStatements = (user: DocumentedUser): string[] =>
  [...operations.matchAll(new RegExp(`^(GRANT .* TO ${user});$`, 'gm'))].map(([, statement = '']) => statement);

/** The same, privilege by privilege. */
export const documentedGrants = (user: DocumentedUser): Grant[] =>
  grantStatements(user).flatMap((statement) => {
    const [, privileges = '', table = ''] = /^GRANT (.*) ON seckill\.(\S+) TO /.exec(statement) ?? [];
    return privileges.split(', ').map((privilege) => ({ privilege, table }));
  });

/** Statements for a user who may do just this in a database. */
export const createUser = (user: string, database: string, grants: readonly Grant[]): string[] => [
  `DROP USER IF EXISTS ${user}@localhost`,
  `CREATE USER ${user}@localhost`,
  ...grants.map(({ privilege, table }) => `GRANT ${privilege} ON ${database}.${table} TO ${user}@localhost`),
];

/** Each grant, with all the others. */
export const eachMissing = (grants: readonly Grant[]) =>
  grants.map((missing) => ({ missing, others: grants.filter((grant) => grant !== missing) }));
