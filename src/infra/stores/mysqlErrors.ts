// Error numbers are the same in MySQL and MariaDB.
const DUPLICATE = 1062;
/** Deadlock, lock wait timeout, snapshot conflict: nothing is wrong with the rows, the whole transaction goes again. */
const LOCK_CONFLICTS = [1213, 1205, 1020];
/** What a row can be refused for by itself: not null, out of range, wrong value, too long, missing parent, failed check. */
const ROW_REFUSED = [1048, 1264, 1292, 1366, 1406, 1452, 3819, 4025];

/** MySQL with a binary log lets only a SUPER user create triggers, unless it is told to trust the others. */
const TRIGGER_REFUSED = 1419;

/** A table was renamed after the snapshot of this transaction. */
const TABLE_CHANGED = 1412;

const errno = (error: unknown) => (error as { errno?: number }).errno ?? 0;

export const isDuplicate = (error: unknown) => errno(error) === DUPLICATE;
export const isLockConflict = (error: unknown) => LOCK_CONFLICTS.includes(errno(error));
export const isTableChanged = (error: unknown) => errno(error) === TABLE_CHANGED;
export const isTriggerRefused = (error: unknown) => errno(error) === TRIGGER_REFUSED;
/** The rows are at fault, and not the server or the way to it. */
export const isRowRefused = (error: unknown) => isDuplicate(error) || ROW_REFUSED.includes(errno(error));
