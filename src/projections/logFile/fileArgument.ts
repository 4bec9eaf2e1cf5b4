import { constants, open as openWithCallback } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { OperatorError } from '../../operatorError.ts';

const READER_EVERY_MS = 50;
const openFd = promisify(openWithCallback);

/** A file argument of a command is one of these; every other kind of file is refused in one line. */
export type FileKind = 'regular' | 'fifo' | 'missing';

/** Throws OperatorError for a folder, a device or a socket: reading one never ends, or writing to one never fails. */
export async function kindOfFile(file: string): Promise<FileKind> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw cannot('be used', file, error);
  });
  if (found === undefined) return 'missing';
  if (found.isFile()) return 'regular';
  if (found.isFIFO()) return 'fifo';
  const kind = found.isDirectory() ? 'a folder' : found.isSocket() ? 'a socket' : 'a device';
  throw new OperatorError(`${file} is ${kind}: name a file or a FIFO`);
}

/** The same for a command that reads the file. */
export async function mustBeReadable(file: string): Promise<void> {
  await kindOfFile(file);
  await access(file, constants.R_OK).catch((error) => {
    throw cannot('be read', file, error);
  });
}

/** The same for a command that replaces the file at its end, and so cannot use a FIFO. */
export async function mustBeReplaceable(file: string): Promise<void> {
  const kind = await kindOfFile(file);
  if (kind === 'fifo') throw new OperatorError(`${file} is a FIFO: name a file`);
  await access(kind === 'missing' ? dirname(file) : file, constants.W_OK).catch((error) => {
    throw cannot('be written', file, error);
  });
}

/** An error of the file system as one line. */
export const cannot = (verb: string, file: string, error: unknown) =>
  new OperatorError(`${file} cannot ${verb}: ${(error as Error).message}`);

/**
 * Opens a FIFO. A blocking open would occupy a thread of Node that no signal can free, so the FIFO is opened without blocking and
 * read or written in the event loop, as a socket is.
 */
export async function openFifo(file: string, mode: 'read' | 'write', signal: AbortSignal): Promise<Socket> {
  const isRead = mode === 'read';
  const fd = await waitForFd(file, isRead ? constants.O_RDONLY : constants.O_WRONLY, signal);
  const socket = new Socket({ fd, readable: isRead, writable: !isRead });
  const stop = () => socket.destroy(signal.reason);
  signal.addEventListener('abort', stop);
  socket.once('close', () => signal.removeEventListener('abort', stop));
  return socket;
}

async function waitForFd(file: string, flags: number, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await openFd(file, flags | constants.O_NONBLOCK);
    } catch (error) {
      // A FIFO that has no reader yet cannot be opened for writing.
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw cannot('be opened', file, error);
    }
    await sleep(READER_EVERY_MS);
  }
}
