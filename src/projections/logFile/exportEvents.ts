import { isUtf8 } from 'node:buffer';
import { type FileHandle, open } from 'node:fs/promises';
import { OperatorError } from '../../operatorError.ts';
import { type LoggedRow, readLog } from '../log/readLog.ts';
import type { RunSql } from '../log/sql.ts';
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
  /** A name that ends in .gz is written zipped. */
  file: string;
  log: RunSql;
  /** Up to which position; nothing before it may still be on its way. */
  to: number;
  signal: AbortSignal;
  onProgress: (position: number, events: number) => void;
}

/** Writes the log into a file; one that was cut off goes on behind its last whole line. Resolves to what the file has then. */
export async function exportLog({ file, log, to, signal, onProgress }: ExportLog) {
  const handle = await openFile(file);
  try {
    const { state, end } = await readWritten(handle, file);
    const resumedAt = state.events;
    if (resumedAt > 0) await mustBeOfThisLog(log, state, file);
    await handle.truncate(end);
    let offset = end;
    const write = async (lines: string) => {
      const bytes = isZipped(file) ? zipMember(Buffer.from(lines)) : Buffer.from(lines);
      await handle.write(bytes, 0, bytes.length, offset);
      offset += bytes.length;
    };
    for await (const page of readLog(log, state.position, to, PAGE)) {
      signal.throwIfAborted();
      await write(page.map((row) => nextLine(state, row)).join(''));
      onProgress(state.position, state.events);
    }
    // The events are on the disk before the line that says so.
    await handle.sync();
    await write(`${lastLine(state.events, state.hash).text}\n`);
    await handle.sync();
    return { events: state.events, resumedAt };
  } finally {
    await handle.close();
  }
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    // Opened as it is, or made; never emptied.
    return await open(file, 'a+').then(async (made) => {
      await made.close();
      return open(file, 'r+');
    });
  } catch (error) {
    throw new OperatorError(`${file} can't be written: ${(error as Error).message}`);
  }
}

function nextLine(state: ChainState, row: LoggedRow): string {
  if (!isUtf8(row.seller) || !isUtf8(row.name))
    throw new Error(`the event at ${row.position} has names that are no UTF-8`);
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

/** Follows what is in the file already, and finds where its last whole line ends. */
async function readWritten(handle: FileHandle, file: string): Promise<{ state: ChainState; end: number }> {
  const state = chainStart();
  let end = 0;
  try {
    if (isZipped(file)) {
      for await (const member of readMembers(handle)) {
        for await (const { line } of splitLines(once(member.content))) followChain(state, line);
        end = member.end;
      }
    } else {
      for await (const { line, isWhole } of splitLines(handle.createReadStream({ start: 0, autoClose: false }))) {
        if (!isWhole) break;
        followChain(state, line);
        end += Buffer.byteLength(line) + 1;
      }
    }
  } catch (error) {
    if (error instanceof LogFileError) throw new LogFileError(`${file} can't be continued: ${error.message}`);
    throw error;
  }
  if (state.complete) throw new OperatorError(`${file} is a complete export already: give another name`);
  const { size } = await handle.stat();
  if (end === 0 && size > 0 && !(await beginsLikeOurs(handle, file)))
    throw new OperatorError(`${file} is no export: give another name`);
  return { state, end };
}

/** A file that was cut before its first line ended is begun again; another file is not touched. */
async function beginsLikeOurs(handle: FileHandle, file: string): Promise<boolean> {
  const head = Buffer.alloc(12);
  const { bytesRead } = await handle.read(head, 0, head.length, 0);
  const ours = isZipped(file) ? zipMember(Buffer.from('')).subarray(0, 4) : Buffer.from('{"position":');
  const length = Math.min(bytesRead, ours.length);
  return head.subarray(0, length).equals(ours.subarray(0, length));
}

/** The last event that was written must be the one that the log has there. */
async function mustBeOfThisLog(log: RunSql, state: ChainState, file: string): Promise<void> {
  for await (const [row] of readLog(log, state.position - 1, state.position, 1)) {
    if (row !== undefined && eventLine(row, state.previous).hash === state.hash) return;
  }
  throw new OperatorError(`${file} is of another log: its last event is not the one at position ${state.position}`);
}

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
