import type { Server } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** When the server stops, accepted requests get this long to be answered. */
export const DRAIN_LIMIT_MS = 5_000;

/** One turn of the event loop accepts the connections that wait, the next one reads their requests; one more is to spare. */
const TURNS = 3;

/** Answers the requests that have arrived, then closes the server. */
export async function drain(server: Server): Promise<void> {
  // A keep-alive connection is closed after its current answer.
  server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
  // The requests that a busy process has not read yet lie in the kernel. Their connections look idle, or are not accepted: closing
  // the server now would reset them.
  for (let turn = 0; turn < TURNS; turn++) await nextTurn();
  const ended = new Promise((resolve) => server.close(resolve));
  // After a turn has read what arrived, for the same reason: a timer runs before that.
  const idle = setInterval(() => setImmediate(() => server.closeIdleConnections()), 50);
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
  await ended;
  clearInterval(idle);
  clearTimeout(cut);
}
