import type { ServerResponse } from 'node:http';

/** Who has not read what was sent for so long is gone, or reads too slowly to see a sale. */
const STUCK_LIMIT_MS = 15_000;
const KEEP_ALIVE_MS = 15_000;

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
  'X-Content-Type-Options': 'nosniff',
};

/** One open stream. It never holds more than one event that its client has not read. */
export interface Listener {
  /** Sends the changes; or the whole, to one who has missed something. Without changes, what keeps the connection alive. */
  send(changes: Buffer | undefined, whole: () => Buffer): void;
  end(): void;
}

export function openListener(response: ServerResponse, snapshot: Buffer, mayListen: () => boolean): Listener {
  response.writeHead(200, HEADERS);
  response.write(snapshot);
  let sentAt = performance.now();
  let missed = false;
  // The snapshot was the event of this moment; the next comes with the tick after it.
  let skips = true;
  return {
    send(changes, whole) {
      const now = performance.now();
      if (response.writableLength > 0) {
        if (now - sentAt > STUCK_LIMIT_MS || !mayListen()) response.destroy();
        missed ||= changes !== undefined;
        return;
      }
      if (!mayListen()) return void response.end();
      if (skips) {
        skips = false;
        missed = changes !== undefined;
        return;
      }
      if (missed) response.write(whole());
      else if (changes !== undefined) response.write(changes);
      else if (now - sentAt > KEEP_ALIVE_MS) response.write(':\n\n');
      else return;
      missed = false;
      sentAt = now;
    },
    end: () => void response.end(),
  };
}
