import type { RunSql } from './sql.ts';

/**
 * The first statement of every transaction that writes the log and its projections: waits while a replay has the pause, and
 * makes a replay wait until the transaction has ended. Grabs don't come here: they go on into the outbox.
 */
export async function waitForPause(run: RunSql): Promise<void> {
  await run('SELECT id FROM projection_pause LOCK IN SHARE MODE');
}

/**
 * Waits until every transaction of the projection has ended, in whatever process, and keeps new ones away during `work`.
 * The lock ends with its connection, which is used for nothing else meanwhile. What the log has then is all that it will ever
 * have up to its highest position: positions are given before the COMMIT, and nothing is before its COMMIT now.
 */
export async function withPause<T>(holder: RunSql, work: () => Promise<T>): Promise<T> {
  await holder('START TRANSACTION');
  try {
    await holder('SELECT id FROM projection_pause FOR UPDATE');
    const result = await work();
    // Fails if the connection was lost, and the pause with it.
    await holder('COMMIT');
    return result;
  } catch (error) {
    await holder('ROLLBACK').catch(() => {});
    throw error;
  }
}
