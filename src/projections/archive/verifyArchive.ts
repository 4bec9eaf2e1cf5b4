import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { OperatorError } from '../../operatorError.ts';
import { bytesToId, idToBytes } from '../log/eventRows.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { hex, type RunSql } from '../log/sql.ts';
import { cannot } from '../logFile/fileArgument.ts';
import { textOf } from './archiveCoupon.ts';
import { archiveFileOf, checkArchive } from './archiveFile.ts';
import { readArchived, readArchivedCoupons } from './pages.ts';

export interface ArchiveReport {
  coupons: number;
  events: number;
  mismatches: string[];
}

/**
 * Compares the files of a folder with MySQL: each archived coupon has its file, with the events that MySQL has packed; and each file
 * belongs to a coupon whose events are archived or, after a restore, in event_log.
 */
export async function verifyArchive(run: RunSql, folder: string, signal: AbortSignal): Promise<ArchiveReport> {
  const report: ArchiveReport = { coupons: 0, events: 0, mismatches: [] };
  const files = new Set(
    (
      await readdir(folder).catch((error) => {
        throw cannot('be read', folder, error);
      })
    ).filter((file) => file.endsWith('.ndjson.gz')),
  );
  for await (const coupons of readArchivedCoupons(run)) {
    for (const { id, version, digest, path } of coupons) {
      signal.throwIfAborted();
      report.coupons++;
      report.events += version;
      files.delete(`${bytesToId(id)}.ndjson.gz`);
      const fault = await faultOfFile(run, folder, id, { events: version, digest });
      if (fault !== undefined) report.mismatches.push(`${path}: ${fault}`);
    }
  }
  for (const file of files) {
    signal.throwIfAborted();
    const id = idToBytes(file.replace('.ndjson.gz', ''));
    const [row] = await run(`SELECT COUNT(*) AS events FROM event_log WHERE coupon_id = ${hex(id)}`);
    if (Number(row?.events) === 0)
      report.mismatches.push(`${file}: neither event_log nor archived_coupons has its coupon`);
  }
  return report;
}

async function faultOfFile(
  run: RunSql,
  folder: string,
  id: Buffer,
  expected: { events: number; digest: string },
): Promise<string | undefined> {
  const [inFile, inPages] = [startSum(), startSum()];
  try {
    const { events, digest } = await checkArchive(archiveFileOf(folder, id), inFile.add);
    if (events !== expected.events || digest !== expected.digest)
      return 'its file has other events than those that were archived';
  } catch (error) {
    if (error instanceof OperatorError) return error.message;
    throw error;
  }
  for await (const page of readArchived(run, id)) for (const row of page) inPages.add(row);
  return inPages.value() === inFile.value() ? undefined : 'its packed events differ from its file';
}

/** A hash of a set of different rows that does not depend on their order: the file has that of positions, the pages that of versions. */
function startSum() {
  const sum = Buffer.alloc(32);
  return {
    add(row: LoggedRow) {
      const own = createHash('sha256').update(textOf(row)).digest();
      for (let place = 0; place < sum.length; place++) sum[place] = (sum[place] ?? 0) ^ (own[place] ?? 0);
    },
    value: () => sum.toString('hex'),
  };
}
