import { stat } from 'node:fs/promises';
import { OperatorError } from '../../operatorError.ts';
import { withPause } from '../log/pause.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { hex, insertRows, type RunSql } from '../log/sql.ts';
import { LogFileError, readLogFile } from './format.ts';

const PAGE = 5_000;

export interface ImportLog {
  file: string;
  writer: RunSql;
  /** Holds the pause during the import. */
  holder: RunSql;
  signal: AbortSignal;
  onProgress: (phase: 'checking' | 'importing', bytes: number, ofBytes: number, events: number) => void;
}

/**
 * Fills an empty log from an export. The whole file is checked first and then imported in one transaction, so an import is complete
 * or changes nothing. Resolves to the number of events.
 */
export async function importLog({ file, writer, holder, signal, onProgress }: ImportLog): Promise<number> {
  const { size } = await stat(file).catch((error) => {
    throw new OperatorError(`${file} cannot be read: ${error.message}`);
  });
  const pagesOf = (phase: 'checking' | 'importing') =>
    readPages(file, (bytes, events) => {
      signal.throwIfAborted();
      onProgress(phase, bytes, size, events);
    });
  await mustBeEmpty(writer);
  for await (const _ of pagesOf('checking'));
  return withPause(holder, async () => {
    await mustBeEmpty(writer);
    let events = 0;
    await writer('START TRANSACTION');
    try {
      // The file is checked again, because it may have changed since the first check.
      for await (const page of pagesOf('importing')) {
        await insertRows(
          writer,
          'event_log',
          'position,coupon_id,version,type,seller,name,occurred_at,data',
          page.map(logRow),
        );
        events += page.length;
      }
      signal.throwIfAborted();
      await writer('COMMIT');
    } catch (error) {
      await writer('ROLLBACK');
      throw error;
    }
    return events;
  });
}

async function mustBeEmpty(run: RunSql): Promise<void> {
  const rows = await run('SELECT position FROM event_log LIMIT 1');
  if (rows.length > 0)
    throw new OperatorError('event_log is not empty: an export can only be imported into an empty database');
}

/** Reads the events of the file in pages. Throws OperatorError on a damaged file. */
async function* readPages(file: string, onPage: (bytes: number, events: number) => void): AsyncGenerator<LoggedRow[]> {
  let page: LoggedRow[] = [];
  let bytes = 0;
  let events = 0;
  const take = () => {
    events += page.length;
    onPage(bytes, events);
    const full = page;
    page = [];
    return full;
  };
  try {
    for await (const row of readLogFile(file, (read) => (bytes = read))) {
      page.push(row);
      if (page.length === PAGE) yield take();
    }
  } catch (error) {
    if (!(error instanceof LogFileError)) throw error;
    throw new OperatorError(`${file}: ${error.message}; nothing was imported`);
  }
  if (page.length > 0) yield take();
}

const logRow = ({ position, coupon_id, version, type, seller, name, occurred_at, data }: LoggedRow) =>
  `(${position},${hex(coupon_id)},${version},${hex(type)},${hex(seller)},${hex(name)},${occurred_at},${hex(data)})`;
