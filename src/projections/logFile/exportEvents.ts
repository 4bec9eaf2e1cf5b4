import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';
import { OperatorError } from '../../operatorError.ts';
import { type LoggedRow, readLog } from '../log/readLog.ts';
import type { RunSql } from '../log/sql.ts';
import { cannot, kindOfFile, openFifo } from './fileArgument.ts';
import {
  type ChainState,
  chainStart,
  eventLine,
  followChain,
  isZipped,
  LogFileError,
  lastLine,
  splitLines,
} from './format.ts';
import { readMembers, zipMember } from './gzipMembers.ts';

const PAGE = 5_000;

export interface ExportLog {
  /** The export is compressed if the name ends in .gz. */
  file: string;
  log: RunSql;
  /** The last position to export. No event up to it may still be uncommitted. */
  to: number;
  signal: AbortSignal;
  onProgress: (position: number, events: number) => void;
}

/** Takes the bytes of an export. */
interface Target {
  /** What the target has already. */
  state: ChainState;
  write(bytes: Buffer): Promise<void>;
  /** Resolves when the target has everything that was written. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Writes the log to a file, or streams it into a FIFO. An interrupted export to a file resumes after its last whole line. Resolves to
 * the number of events in the file.
 */
export async function exportLog({ file, log, to, signal, onProgress }: ExportLog) {
  const isFifo = (await kindOfFile(file)) === 'fifo';
  const { state, write, sync, close } = isFifo ? await openStream(file, signal) : await openFile(file, log, signal);
  try {
    const resumedAt = state.events;
    const writeLines = (lines: string) => write(isZipped(file) ? zipMember(Buffer.from(lines)) : Buffer.from(lines));
    for await (const page of readLog(log, state.position, to, PAGE)) {
      signal.throwIfAborted();
      await writeLines(page.map((row) => nextLine(state, row)).join(''));
      onProgress(state.position, state.events);
    }
    // The events are on the disk before the line that declares the export complete.
    await sync();
    await writeLines(`${lastLine(state.events, state.hash).text}\n`);
    await sync();
    return { events: state.events, resumedAt, isFifo };
  } finally {
    await close();
  }
}

async function openStream(file: string, signal: AbortSignal): Promise<Target> {
  const fifo = await openFifo(file, 'write', signal);
  // Each write reports its own failure.
  fifo.on('error', () => {});
  return {
    state: chainStart(),
    write: (bytes) =>
      new Promise((resolve, reject) =>
        fifo.write(bytes, (error) => {
          if (error == null) resolve();
          else reject(signal.aborted ? signal.reason : cannot('be written', file, error));
        }),
      ),
    async sync() {},
    async close() {
      if (fifo.destroyed) return;
      fifo.end();
      await once(fifo, 'close');
    },
  };
}

async function openFile(file: string, log: RunSql, signal: AbortSignal): Promise<Target> {
  const failed = (error: unknown) => {
    throw cannot('be written', file, error);
  };
  // 'a+' creates a missing file, for its owner alone because it has names of customers, and does not truncate an existing one; 'r+' can
  // write at an offset.
  await open(file, 'a+', 0o600).then((created) => created.close(), failed);
  const handle = await open(file, 'r+').catch(failed);
  try {
    const { state, end } = await readWritten(handle, file, signal);
    if (state.events > 0) await mustMatchLog(log, state, file);
    await handle.truncate(end).catch(failed);
    let offset = end;
    return {
      state,
      async write(bytes) {
        // A disk that becomes full takes a part of the bytes, and refuses the rest.
        for (let written = 0; written < bytes.length; ) {
          const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, offset).catch(failed);
          written += bytesWritten;
          offset += bytesWritten;
        }
      },
      sync: () => handle.sync().catch(failed),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function nextLine(state: ChainState, row: LoggedRow): string {
  if (!isUtf8(row.seller) || !isUtf8(row.name))
    throw new Error(`the event at ${row.position} has names that are not UTF-8`);
  const { text, hash } = eventLine(row, state.hash);
  Object.assign(state, {
    hash,
    previous: state.hash,
    position: row.position,
    events: state.events + 1,
    line: state.line + 1,
  });
  return `${text}\n`;
}

/** Checks the lines that are already in the file, and finds the end of the last whole line. */
async function readWritten(
  handle: FileHandle,
  file: string,
  signal: AbortSignal,
): Promise<{ state: ChainState; end: number }> {
  const state = chainStart();
  let end = 0;
  const { size } = await handle.stat();
  if (size > 0 && !(await beginsLikeAnExport(handle, file)))
    throw new OperatorError(`${file} is not an export: choose another file name`);
  try {
    if (isZipped(file)) {
      for await (const member of readMembers(handle)) {
        signal.throwIfAborted();
        for await (const { line } of splitLines(oneChunk(member.content))) followChain(state, line);
        end = member.end;
      }
    } else {
      for await (const { line, isWhole } of splitLines(handle.createReadStream({ start: 0, autoClose: false }))) {
        if (!isWhole) break;
        signal.throwIfAborted();
        followChain(state, line);
        end += Buffer.byteLength(line) + 1;
      }
    }
  } catch (error) {
    if (error instanceof LogFileError) throw new OperatorError(`${file} cannot be resumed: ${error.message}`);
    throw error;
  }
  if (state.complete) throw new OperatorError(`${file} is already a complete export: choose another file name`);
  return { state, end };
}

/** Only a file that begins like an export is read to its end, and overwritten where its last whole line ends. */
async function beginsLikeAnExport(handle: FileHandle, file: string): Promise<boolean> {
  const head = Buffer.alloc(12);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const expected = isZipped(file) ? zipMember(Buffer.from('')).subarray(0, 4) : Buffer.from('{"position":');
  const length = Math.min(bytesRead, expected.length);
  return head.subarray(0, length).equals(expected.subarray(0, length));
}

/** Throws unless the last event in the file is the event that the log has at this position. */
async function mustMatchLog(log: RunSql, state: ChainState, file: string): Promise<void> {
  for await (const [row] of readLog(log, state.position - 1, state.position, 1)) {
    if (row !== undefined && eventLine(row, state.previous).hash === state.hash) return;
  }
  throw new OperatorError(
    `${file} belongs to another log: its last event differs from the event at position ${state.position}`,
  );
}

async function* oneChunk(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
