import { OperatorError } from '../../operatorError.ts';
import { bytesToId } from '../log/eventRows.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { hex, type RunSql } from '../log/sql.ts';
import { insertLoggedRows } from '../logFile/importEvents.ts';
import { textOf, whileNotRebuilding, writePage } from './archiveCoupon.ts';
import { checkArchive, readArchiveFile } from './archiveFile.ts';
import { deleteOrphanPages } from './archiveLog.ts';
import { packPages, readArchived } from './pages.ts';

const ROWS = 1_000;

/** `pages`: a coupon that this database did not know is archived here; `inserted`: the events are in the log again; `restored`: the end. */
export type RestoreStep = 'pages' | 'inserted' | 'restored';

/**
 * Puts the events of an archived coupon back into event_log, at their old positions. Until the last step the coupon counts as archived,
 * so a process that is killed leaves it whole, and the next run goes on. Throws OperatorError on a damaged file before anything is
 * written. Resolves to the number of events; 0 when they were in the log already.
 */
export async function restoreArchive(
  writer: RunSql,
  file: string,
  onStep: (step: RestoreStep) => void | Promise<void>,
): Promise<number> {
  const content = await readSummary(file);
  const { id, events, digest, lastPosition } = content;
  await deleteOrphanPages(writer);
  const [archived] = await writer(`SELECT version, digest FROM archived_coupons WHERE coupon_id = ${hex(id)}`);
  if (archived === undefined) {
    const [logged] = await writer(`SELECT COUNT(*) AS events FROM event_log WHERE coupon_id = ${hex(id)}`);
    if (Number(logged?.events) >= events) return 0;
    if (Number(logged?.events) > 0)
      throw new OperatorError(`${file}: event_log has a part of this coupon, ${bytesToId(id)}, which is not archived`);
    for await (const page of packPages(inOrderOfVersions(file))) await writePage(writer, id, page);
    await whileNotRebuilding(writer, async () => {
      await writer(
        `INSERT INTO archived_coupons (coupon_id, seller, name, version, last_position, digest)
         VALUES (${hex(id)}, ${hex(content.seller)}, ${hex(content.name)}, ${events}, ${lastPosition}, '${digest}')`,
      );
    });
    await onStep('pages');
  } else if (archived.digest !== digest || Number(archived.version) !== events)
    throw new OperatorError(`${file} has other events than the archived coupon ${bytesToId(id)}`);

  for await (const page of readArchived(writer, id))
    for (let start = 0; start < page.length; start += ROWS)
      await insertMissing(writer, page.slice(start, start + ROWS));
  await onStep('inserted');
  await whileNotRebuilding(writer, async () => {
    await writer(`DELETE FROM archived_coupons WHERE coupon_id = ${hex(id)}`);
  });
  await deleteOrphanPages(writer);
  await onStep('restored');
  return events;
}

/** Checks the file, and that it has the complete events of one coupon. */
async function readSummary(file: string) {
  let first: LoggedRow | undefined;
  let [highest, lastPosition, isOne] = [0, 0, true];
  const { events, digest } = await checkArchive(file, (row) => {
    first ??= row;
    isOne &&= first.coupon_id.equals(row.coupon_id) && first.seller.equals(row.seller) && first.name.equals(row.name);
    highest = Math.max(highest, row.version);
    lastPosition = Math.max(lastPosition, row.position);
  });
  if (first === undefined || !isOne || highest !== events)
    throw new OperatorError(`${file} is not the archive of one coupon: was it written by npm run log:archive?`);
  return { id: first.coupon_id, seller: first.seller, name: first.name, events, digest, lastPosition };
}

/** Positions and versions seldom differ in their order; the events of one coupon are sorted in memory. */
async function* inOrderOfVersions(file: string): AsyncGenerator<LoggedRow[]> {
  const rows: LoggedRow[] = [];
  for await (const row of readArchiveFile(file)) rows.push(row);
  yield rows.sort((a, b) => a.version - b.version);
}

/** A run that was killed may have inserted some of the rows. */
async function insertMissing(writer: RunSql, rows: readonly LoggedRow[]): Promise<void> {
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return;
  const found = (await writer(
    `SELECT position, coupon_id, version, type, seller, name, occurred_at, data FROM event_log
     WHERE coupon_id = ${hex(first.coupon_id)} AND version BETWEEN ${first.version} AND ${last.version}`,
  )) as unknown as LoggedRow[];
  const present = new Map(found.map((row) => [row.version, textOf(row)]));
  const wrong = rows.find((row) => present.has(row.version) && present.get(row.version) !== textOf(row));
  if (wrong !== undefined)
    throw new OperatorError(`event_log has another version ${wrong.version} of ${bytesToId(wrong.coupon_id)}`);
  await insertLoggedRows(
    writer,
    rows.filter(({ version }) => !present.has(version)),
  );
}
