import type { ServerResponse } from 'node:http';

/** A client that has not read an event for this long is gone or too slow, and is disconnected. */
const STUCK_LIMIT_MS = 15_000;
const KEEP_ALIVE_MS = 15_000;

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
};

/** One open stream. It never buffers more than one event that its client has not read. */
export interface Listener {
  /** Sends the changes, or a snapshot if the client has missed changes, or a keep-alive comment when it is due. */
  send(changes: Buffer | undefined, snapshot: () => Buffer): void;
  end(): void;
}

export function openListener(response: ServerResponse, firstSnapshot: Buffer, mayListen: () => boolean): Listener {
  response.writeHead(200, HEADERS);
  response.write(firstSnapshot);
  let sentAt = performance.now();
  let missedChanges = false;
  // The next tick can follow the snapshot at once; without this, a listener would get more than five events a second.
  let skipsNextTick = true;
  return {
    send(changes, snapshot) {
      const now = performance.now();
      if (response.writableLength > 0) {
        if (now - sentAt > STUCK_LIMIT_MS || !mayListen()) response.destroy();
        missedChanges ||= changes !== undefined;
        return;
      }
      if (!mayListen()) return void response.end();
      if (skipsNextTick) {
        skipsNextTick = false;
        missedChanges = changes !== undefined;
        return;
      }
      if (missedChanges) response.write(snapshot());
      else if (changes !== undefined) response.write(changes);
      else if (now - sentAt > KEEP_ALIVE_MS) response.write(':\n\n');
      else return;
      missedChanges = false;
      sentAt = now;
    },
    end: () => void response.end(),
  };
}
