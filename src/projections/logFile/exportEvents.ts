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
  /** The export is compressed if the name ends in .gz. */
  file: string;
  log: RunSql;
  /** The last position to export. No event up to it may still be uncommitted. */
  to: number;
  signal: AbortSignal;
  onProgress: (position: number, events: number) => void;
}

/** Writes the log to a file. An interrupted export resumes after its last whole line. Resolves to the number of events in the file. */
export async function exportLog({ file, log, to, signal, onProgress }: ExportLog) {
  const handle = await openFile(file);
  try {
    const { state, end } = await readWritten(handle, file);
    const resumedAt = state.events;
    if (resumedAt > 0) await mustMatchLog(log, state, file);
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
    // The events are on the disk before the line that declares the export complete.
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
    // 'a+' creates a missing file and does not truncate an existing one; 'r+' can write at an offset.
    return await open(file, 'a+').then(async (created) => {
      await created.close();
      return open(file, 'r+');
    });
  } catch (error) {
    throw new OperatorError(`${file} cannot be written: ${(error as Error).message}`);
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
    if (error instanceof LogFileError) throw new OperatorError(`${file} cannot be resumed: ${error.message}`);
    throw error;
  }
  if (state.complete) throw new OperatorError(`${file} is already a complete export: choose another file name`);
  const { size } = await handle.stat();
  if (end === 0 && size > 0 && !(await beginsLikeAnExport(handle, file)))
    throw new OperatorError(`${file} is not an export: choose another file name`);
  return { state, end };
}

/** A file without a whole line is overwritten only if it begins like an export. */
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

async function* once(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
}
