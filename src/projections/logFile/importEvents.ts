import { stat } from 'node:fs/promises';
import { OperatorError } from '../../operatorError.ts';
import { withPause } from '../log/pause.ts';
import type { LoggedRow } from '../log/readLog.ts';
import type { RunSql } from '../log/sql.ts';
import { hex, insertRows } from '../log/sql.ts';
import { readLogFile } from './format.ts';

const PAGE = 5_000;

export interface ImportLog {
  file: string;
  writer: RunSql;
  /** Holds the pause meanwhile. */
  holder: RunSql;
  signal: AbortSignal;
  onProgress: (phase: 'checking' | 'importing', bytes: number, ofBytes: number, events: number) => void;
}

/**
 * Fills an empty log from an export: the whole file is checked first, and then goes in with one transaction, so nothing is ever
 * half imported. Resolves to the number of events.
 */
export async function importLog({ file, writer, holder, signal, onProgress }: ImportLog): Promise<number> {
  const { size } = await stat(file).catch((error) => {
    throw new OperatorError(`${file} can't be read: ${error.message}`);
  });
  const pagesOf = (phase: 'checking' | 'importing') =>
    pages(file, (bytes, events) => {
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
      // Checked once more: the file may have changed meanwhile.
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
  if (rows.length > 0) throw new OperatorError('event_log is not empty: a log is imported into an empty database only');
}

async function* pages(file: string, onPage: (bytes: number, events: number) => void): AsyncGenerator<LoggedRow[]> {
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
  for await (const row of readLogFile(file, (read) => (bytes = read))) {
    page.push(row);
    if (page.length === PAGE) yield take();
  }
  if (page.length > 0) yield take();
}

const logRow = ({ position, coupon_id, version, type, seller, name, occurred_at, data }: LoggedRow) =>
  `(${position},${hex(coupon_id)},${version},${hex(type)},${hex(seller)},${hex(name)},${occurred_at},${hex(data)})`;
