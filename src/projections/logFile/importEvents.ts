import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { MysqlNodes } from '../../infra/failover/nodes.ts';
import { OperatorError } from '../../operatorError.ts';
import { withPauseOnAllNodes } from '../log/pause.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { hex, insertRows, type RunSql } from '../log/sql.ts';
import { cannot, kindOfFile, openFifo } from './fileArgument.ts';
import { isZipped, LogFileError, readLogFile } from './format.ts';

const PAGE = 5_000;

export interface ImportLog {
  file: string;
  writer: RunSql;
  /** Holds the pause during the import. */
  nodes: MysqlNodes;
  holder: RunSql;
  signal: AbortSignal;
  /** `ofBytes` is Infinity for a FIFO, whose size is unknown. */
  onProgress: (phase: 'checking' | 'importing', bytes: number, ofBytes: number, events: number) => void;
}

/**
 * Fills an empty log from an export. A file is checked first, so that a damaged one is refused before anything is written. It is then
 * imported in one transaction and checked again on the way, so an import is complete or changes nothing. A FIFO can be read only once
 * and is checked during the import alone. Resolves to the number of events.
 */
export async function importLog({ file, writer, nodes, holder, signal, onProgress }: ImportLog): Promise<number> {
  const isFifo = (await kindOfFile(file)) === 'fifo';
  const ofBytes = isFifo ? Number.POSITIVE_INFINITY : (await stat(file).catch(cannotRead(file))).size;
  const pagesOf = (phase: 'checking' | 'importing') =>
    readPages(file, isFifo, signal, (bytes, events) => onProgress(phase, bytes, ofBytes, events));
  await mustBeEmpty(writer);
  if (!isFifo) for await (const _ of pagesOf('checking'));
  return withPauseOnAllNodes(nodes, holder, async () => {
    await mustBeEmpty(writer);
    let events = 0;
    await writer('START TRANSACTION');
    try {
      for await (const page of pagesOf('importing')) {
        await insertLoggedRows(writer, page);
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

const cannotRead = (file: string) => (error: unknown) => {
  throw cannot('be read', file, error);
};

/** Reads the events of the file in pages. Throws OperatorError on a damaged file, and the reason of the signal when it stops. */
async function* readPages(
  file: string,
  isFifo: boolean,
  signal: AbortSignal,
  onPage: (bytes: number, events: number) => void,
): AsyncGenerator<LoggedRow[]> {
  let page: LoggedRow[] = [];
  let events = 0;
  const source = isFifo
    ? await openFifo(file, 'read', signal)
    : createReadStream(file, { highWaterMark: 1 << 18, signal });
  const take = () => {
    signal.throwIfAborted();
    events += page.length;
    onPage(source.bytesRead, events);
    const full = page;
    page = [];
    return full;
  };
  try {
    for await (const row of readLogFile(source, isZipped(file))) {
      page.push(row);
      if (page.length === PAGE) yield take();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LogFileError) throw new OperatorError(`${file}: ${error.message}; nothing was imported`);
    // Every error of the file system names its system call.
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw cannot('be read', file, error);
    throw error;
  }
  if (page.length > 0) yield take();
}

/** Inserts rows as they were exported, positions included. */
export const insertLoggedRows = (writer: RunSql, rows: readonly LoggedRow[]): Promise<void> =>
  insertRows(writer, 'event_log', 'position,coupon_id,version,type,seller,name,occurred_at,data', rows.map(logRow));

const logRow = ({ position, coupon_id, version, type, seller, name, occurred_at, data }: LoggedRow) =>
  `(${position},${hex(coupon_id)},${version},${hex(type)},${hex(seller)},${hex(name)},${occurred_at},${hex(data)})`;
