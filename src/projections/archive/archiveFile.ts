import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { OperatorError } from '../../operatorError.ts';
import { bytesToId } from '../log/eventRows.ts';
import type { LoggedRow } from '../log/readLog.ts';
import { cannot, kindOfFile, mustBeReadable } from '../logFile/fileArgument.ts';
import { CHAIN_START, eventLine, isZipped, LogFileError, lastLine, readLogFile } from '../logFile/format.ts';
import { zipMember } from '../logFile/gzipMembers.ts';

// The archive of a coupon is a file of its own, in the format of an export: its events in the order of their positions.

export const archiveFileOf = (folder: string, id: Buffer) => join(folder, `${bytesToId(id)}.ndjson.gz`);

/** What identifies the content of a file: the hash of its last event, which depends on all events before it. */
export interface Archive {
  events: number;
  digest: string;
}

/** Writes the file beside its place, and moves it there when it is on the disk: a file under its own name is complete. */
export async function writeArchive(file: string, pages: AsyncIterable<LoggedRow[]>): Promise<Archive> {
  const part = `${file}.part`;
  let [events, digest] = [0, CHAIN_START];
  try {
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    // For its owner alone: it has names of customers and codes.
    const handle = await open(part, 'w', 0o600);
    try {
      for await (const page of pages) {
        const lines = page.map((row) => {
          const line = eventLine(row, digest);
          digest = line.hash;
          return `${line.text}\n`;
        });
        events += page.length;
        if (lines.length > 0) await handle.writeFile(zipMember(Buffer.from(lines.join(''))));
      }
      await handle.writeFile(zipMember(Buffer.from(`${lastLine(events, digest).text}\n`)));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
    await syncFolder(join(file, '..'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw cannot('be written', file, error);
    throw error;
  }
  return { events, digest };
}

async function syncFolder(folder: string): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(folder, 'r');
    await handle.sync();
  } finally {
    await handle?.close();
  }
}

/** Throws OperatorError unless this is a file that can be read more than once. */
export async function mustBeArchiveFile(file: string): Promise<void> {
  await mustBeReadable(file);
  if ((await kindOfFile(file)) === 'fifo') throw new OperatorError(`${file} is a FIFO: name a file`);
}

/** Reads the events of the file, and checks its chain. Throws OperatorError on a file that is damaged or cannot be read. */
export async function* readArchiveFile(file: string): AsyncGenerator<LoggedRow> {
  await mustBeArchiveFile(file);
  try {
    yield* readLogFile(createReadStream(file), isZipped(file));
  } catch (error) {
    if (error instanceof LogFileError) throw new OperatorError(`${file} is damaged: ${error.message}`);
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw cannot('be read', file, error);
    throw error;
  }
}

/** Reads the whole file. `onRow` gets each of its events. */
export async function checkArchive(file: string, onRow: (row: LoggedRow) => void = () => {}): Promise<Archive> {
  let [events, digest] = [0, CHAIN_START];
  for await (const row of readArchiveFile(file)) {
    digest = eventLine(row, digest).hash;
    events++;
    onRow(row);
  }
  return { events, digest };
}

/** Throws OperatorError unless the file has exactly these events. */
export async function mustBeArchive(file: string, expected: Archive): Promise<void> {
  const found = await checkArchive(file);
  if (found.digest !== expected.digest || found.events !== expected.events)
    throw new OperatorError(`${file} has other events than the log`);
}
