// Error numbers are the same in MySQL and MariaDB.
const DUPLICATE = 1062;
/** Deadlock, lock wait timeout, snapshot conflict: the rows are valid, and the whole transaction is retried. */
const LOCK_CONFLICTS = [1213, 1205, 1020];
/** The row itself is invalid: not null, out of range, wrong value, too long, missing parent, failed check. */
const ROW_REFUSED = [1048, 1264, 1292, 1366, 1406, 1452, 3819, 4025];

/** With a binary log, only a SUPER user may create triggers, unless log_bin_trust_function_creators is set. */
const TRIGGER_REFUSED = 1419;

/** A table was renamed after this transaction took its snapshot. */
const TABLE_CHANGED = 1412;

const errno = (error: unknown) => (error as { errno?: number }).errno ?? 0;

export const isDuplicate = (error: unknown) => errno(error) === DUPLICATE;
export const isLockConflict = (error: unknown) => LOCK_CONFLICTS.includes(errno(error));
export const isTableChanged = (error: unknown) => errno(error) === TABLE_CHANGED;
export const isTriggerRefused = (error: unknown) => errno(error) === TRIGGER_REFUSED;
/** The rows are at fault, not the server or the connection. */
export const isRowRefused = (error: unknown) => isDuplicate(error) || ROW_REFUSED.includes(errno(error));
