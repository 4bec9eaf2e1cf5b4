import { write, writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Characters that may wait for a slow reader. Beyond that, lines are lost: a log must not hold up a sale. */
const MAX_WAITING = 8 * 1024 * 1024;
const RETRY_MS = 50;
const EXIT_ATTEMPTS = 20;

/**
 * Writes lines to a file descriptor in the background, those of one turn of the event loop in one go, and what waits at the exit of
 * the process. When a write fails (the reader has gone, the disk is full) its lines are lost and the next ones are tried again.
 * pino's own destination repeats a failed write for ever at the exit, which then never comes.
 */
export function openLogDestination(fd: number): DestinationStream {
  let waiting: string[] = [];
  let size = 0;
  let busy = false;

  const take = (): Buffer => {
    const text = waiting.join('');
    waiting = [];
    size = 0;
    return Buffer.from(text);
  };
  const flush = () => {
    if (waiting.length === 0) {
      busy = false;
      return;
    }
    writeOn(take());
  };
  const writeOn = (bytes: Buffer) =>
    write(fd, bytes, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(writeOn, RETRY_MS, bytes);
      else if (error === null && written < bytes.length) writeOn(bytes.subarray(written));
      else flush();
    });
  process.once('exit', () => writeAtExit(fd, take()));
  return {
    write(line) {
      if (size > MAX_WAITING) return;
      waiting.push(line);
      size += line.length;
      if (busy) return;
      busy = true;
      setImmediate(flush);
    },
  };
}

/** The event loop has ended: what cannot be written within a second is lost. */
function writeAtExit(fd: number, bytes: Buffer): void {
  let rest = bytes;
  for (let attempt = 0; rest.length > 0 && attempt < EXIT_ATTEMPTS; ) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
      attempt++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
