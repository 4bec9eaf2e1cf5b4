import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, createConnection } from 'mysql2';

/** A server that does not answer within this time is not usable. */
const PROBE_LIMIT_MS = 3_000;

/**
 * Errors that say nothing about the node: too many connections (1040), a database that is still to be created (1049), a table that is
 * (1146) or that this user may not read (1142).
 */
const USABLE_ERRORS = [1040, 1049, 1146, 1142];

/** Undefined when the node takes writes; otherwise the reason in one phrase, which holds no part of the URL. */
export type Unusable = string | undefined;

/**
 * Asks a node on a connection of its own whether it takes reads and writes. A node of Galera without a majority answers `SELECT 1`
 * and refuses every table (1047), so a table is asked. Never rejects.
 */
export async function probe(options: ConnectionOptions): Promise<Unusable> {
  const connection = createConnection({ ...options, connectTimeout: PROBE_LIMIT_MS });
  connection.on('error', () => {});
  const ask = (sql: string) =>
    new Promise<Record<string, unknown>[]>((resolve, reject) =>
      connection.query(sql, (error, rows) => (error ? reject(error) : resolve(rows as Record<string, unknown>[]))),
    );
  const limit = new AbortController();
  try {
    const asked = Promise.all([
      ask('SELECT name FROM knex_migrations LIMIT 1').catch(unlessUsable),
      ask('SELECT @@GLOBAL.read_only AS server, @@GLOBAL.innodb_read_only AS engine').catch(unlessUsable),
    ]);
    const late = sleep(PROBE_LIMIT_MS, undefined, { signal: limit.signal }).then(() => undefined);
    const answered = await Promise.race([asked, late]);
    if (answered === undefined) return 'no answer';
    const [state] = answered[1];
    return Object.values(state ?? {}).every(isOff) ? undefined : 'the server is read-only';
  } catch (error) {
    const { code = 'no answer', errno, sqlState } = error as { code?: string; errno?: number; sqlState?: string };
    // The words of the driver would name the host.
    return sqlState === undefined ? code : `${code} (${errno})`;
  } finally {
    limit.abort();
    connection.destroy();
  }
}

function unlessUsable(error: { errno?: number }): [] {
  if (!USABLE_ERRORS.includes(error.errno ?? 0)) throw error;
  return [];
}

/** MariaDB 12 has names where all others have numbers. */
const isOff = (value: unknown) => /^(?:0|off)$/i.test(String(value));
