import type { Connection } from 'mysql2';
import { isLockConflict } from '../../infra/stores/mysqlErrors.ts';
import { OperatorError } from '../../operatorError.ts';
import { eventColumns } from '../log/eventRows.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { hex, type RunSql } from '../log/sql.ts';
import { pagesOf } from '../verify/readMysql.ts';
import { archiveFileOf, mustBeArchive, writeArchive } from './archiveFile.ts';
import { type CouponToArchive, ownedSubscriptions } from './chooseCoupons.ts';
import { packPages, readArchived } from './pages.ts';

// A coupon is archived in steps, each of which can be the last one of a process that is killed: the next run begins the coupon anew
// before the third step, and ends it after that. No step is undone.

/** `file`: write the file and read it again; `pages`: pack the events; `archived`: the coupon is archived; `deleted`: one page is deleted. */
export type Step = 'file' | 'pages' | 'archived' | 'deleted';

export interface ArchiveDeps {
  /** Streams rows, so nothing else may run on it meanwhile. */
  reader: Connection;
  writer: RunSql;
  folder: string;
  /** Called after each step. */
  onStep: (step: Step, coupon: { path: string }) => void | Promise<void>;
}

export const selectEvents = (id: Buffer, where = '') =>
  `SELECT position,${eventColumns.join(',')} FROM event_log WHERE coupon_id = ${hex(id)} ${where}`;

/** Archives a coupon that is over. */
export async function archiveCoupon(deps: ArchiveDeps, coupon: CouponToArchive): Promise<void> {
  const { reader, writer, folder, onStep } = deps;
  const { id, version, path, lastPosition } = coupon;
  const file = archiveFileOf(folder, id);
  const archive = await writeArchive(file, pagesOf<LoggedRow>(reader, `${selectEvents(id)} ORDER BY position`));
  if (archive.events !== version) throw new OperatorError(`${path} has changed meanwhile: run the command again`);
  await mustBeArchive(file, archive);
  await onStep('file', coupon);

  await writer(`DELETE FROM archived_pages WHERE coupon_id = ${hex(id)}`);
  for await (const page of packPages(pagesOf<LoggedRow>(reader, `${selectEvents(id)} ORDER BY version`)))
    await writePage(writer, id, page);
  await onStep('pages', coupon);

  await whileNotRebuilding(writer, async () => {
    const [row] = await writer(
      `SELECT seller, name, version, (
         SELECT MIN(s.position) FROM ${ownedSubscriptions} WHERE w.owner IS NULL OR w.owner = c.seller
       ) AS delivered FROM coupons c WHERE id = ${hex(id)} LOCK IN SHARE MODE`,
    );
    const isDelivered = row?.delivered == null || Number(row.delivered) >= lastPosition;
    if (row === undefined || Number(row.version) !== version || !isDelivered)
      throw new OperatorError(`${path} has changed meanwhile: run the command again`);
    // Readers of the feed compare the times of archivings, so a later one has a later time whatever the clock does.
    await writer(
      `INSERT INTO archived_coupons (coupon_id, seller, name, version, last_position, digest, archived_at)
       SELECT ${hex(id)}, ${hex(row.seller as Buffer)}, ${hex(row.name as Buffer)}, ${version}, ${lastPosition}, '${archive.digest}',
         GREATEST(NOW(3), COALESCE(MAX(archived_at) + INTERVAL 1000 MICROSECOND, NOW(3))) FROM archived_coupons`,
    );
  });
  await onStep('archived', coupon);
  await deleteArchived(deps, coupon);
}

export const writePage = (
  writer: RunSql,
  id: Buffer,
  { lastVersion, packed }: { lastVersion: number; packed: Buffer },
) =>
  writer(
    `INSERT INTO archived_pages (coupon_id, last_version, events) VALUES (${hex(id)}, ${lastVersion}, ${hex(packed)})`,
  );

/**
 * Deletes the rows of an archived coupon, a page in a transaction. Each row is compared with its page before: what is deleted can be
 * read from there.
 */
export async function deleteArchived(
  { writer, onStep }: Pick<ArchiveDeps, 'writer' | 'onStep'>,
  coupon: Pick<CouponToArchive, 'id' | 'path'>,
): Promise<void> {
  const { id, path } = coupon;
  for await (const page of readArchived(writer, id)) {
    const [first, last] = [page[0]?.version ?? 0, page.at(-1)?.version ?? 0];
    const range = `AND version BETWEEN ${first} AND ${last}`;
    await whileNotRebuilding(writer, async () => {
      const rows = (await writer(`${selectEvents(id, range)} ORDER BY version`)) as unknown as LoggedRow[];
      const packed = new Map(page.map((row) => [row.version, textOf(row)]));
      const wrong = rows.find((row) => packed.get(row.version) !== textOf(row));
      if (wrong !== undefined)
        throw new OperatorError(
          `${path}: version ${wrong.version} differs from its archived event; it was not deleted`,
        );
      if (rows.length > 0) await writer(`DELETE FROM event_log WHERE coupon_id = ${hex(id)} ${range}`);
    });
    await onStep('deleted', coupon);
  }
}

/** Everything that the log has of an event. */
export const textOf = ({ position, coupon_id, version, type, seller, name, occurred_at, data }: LoggedRow) =>
  JSON.stringify([position, hex(coupon_id), version, type, hex(seller), hex(name), occurred_at, data]);

/**
 * A transaction that waits while a process rebuilds Redis, which holds the lease alone: a rebuild that found a coupon in the log must
 * find all of its events there.
 */
export async function whileNotRebuilding(writer: RunSql, work: () => Promise<void>): Promise<void> {
  await startWithLease(writer);
  try {
    await work();
    await writer('COMMIT');
  } catch (error) {
    await writer('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** A rebuild may take longer than a statement waits for a lock. */
async function startWithLease(writer: RunSql): Promise<void> {
  for (;;) {
    await writer('START TRANSACTION');
    try {
      await writer('SELECT id FROM lease LOCK IN SHARE MODE');
      return;
    } catch (error) {
      await writer('ROLLBACK').catch(() => {});
      if (!isLockConflict(error)) throw error;
    }
  }
}
