// Error numbers are the same in MySQL and MariaDB.
const DUPLICATE = 1062;
/** Deadlock, lock wait timeout, snapshot conflict: the rows are valid, and the whole transaction is retried. */
const LOCK_CONFLICTS = [1213, 1205, 1020];
/** The row itself is invalid: not null, out of range, wrong value, too long, missing parent, failed check. */
const ROW_REFUSED = [1048, 1264, 1292, 1366, 1406, 1452, 3819, 4025];

/** A node of Galera that has no majority, or has not caught up yet, refuses every table. */
const NODE_NOT_READY = 1047;

/** The server or the session is read-only, or the account lacks a privilege, or the binary log cannot take the statement. */
const NOT_ALLOWED = [1290, 1792, 1836, 1044, 1142, 1143, 1227, 1370, 1665, NODE_NOT_READY];
const READ_ONLY = [1290, 1792, 1836];
/** The account may not use the table, or the column. */
const DENIED = [1142, 1143];
const STATEMENT_BINLOG = 1665;

/** MySQL with a binary log lets only a SUPER user create triggers, unless it is told to trust the others. */
const TRIGGER_REFUSED = 1419;

/** A table was renamed after this transaction took its snapshot. */
const TABLE_CHANGED = 1412;

const UNKNOWN_TABLE = 1146;
/** An INSERT names too few columns. The privileges have been checked by then. */
const NO_DEFAULT = 1364;

const errno = (error: unknown) => (error as { errno?: number }).errno ?? 0;

export const isDuplicate = (error: unknown) => errno(error) === DUPLICATE;
export const isDenied = (error: unknown) => DENIED.includes(errno(error));
export const isLockConflict = (error: unknown) => LOCK_CONFLICTS.includes(errno(error));
export const isTableUnknown = (error: unknown) => errno(error) === UNKNOWN_TABLE;
export const isWithoutDefault = (error: unknown) => errno(error) === NO_DEFAULT;
export const isTableChanged = (error: unknown) => errno(error) === TABLE_CHANGED;
export const isTriggerRefused = (error: unknown) => errno(error) === TRIGGER_REFUSED;
/** The rows are at fault, not the server or the connection. */
export const isRowRefused = (error: unknown) => isDuplicate(error) || ROW_REFUSED.includes(errno(error));

/** The connection was lost or is silent, or the server does not take what it took before: another node may. */
export function isNodeFault(error: unknown): boolean {
  const { sqlState } = error as { sqlState?: string };
  return sqlState === undefined || [...READ_ONLY, NODE_NOT_READY].includes(errno(error));
}

/** What an operator has to change before this server can be used, in one phrase; undefined for any other error. */
export function refusedByServer(error: unknown): string | undefined {
  const number = errno(error);
  if (!NOT_ALLOWED.includes(number)) return undefined;
  const { sqlMessage = '' } = error as { sqlMessage?: string };
  if (READ_ONLY.includes(number)) return `the server is read-only: ${sqlMessage}`;
  if (number === STATEMENT_BINLOG) return 'binlog_format is STATEMENT, which InnoDB cannot use here: set it to ROW';
  return sqlMessage;
}
