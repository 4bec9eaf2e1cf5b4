import { pipeline } from 'node:stream/promises';
import type { Context } from 'koa';
import { UNCACHED } from '../edge/answerHeaders.ts';

/** The connection of a client that reads nothing for this long is closed. */
const STALLED_MS = 60_000;

/**
 * Sends the chunks as a file. A chunk is produced when the client has read the chunks before it, and none after the client has left.
 * When a chunk fails, the connection is closed before the end of the response, so that a part of the file never looks complete. A
 * failure of the first chunk is thrown instead, because it can still be answered.
 */
export async function sendDownload(
  ctx: Context,
  { chunks, fileName }: { chunks: AsyncGenerator<string>; fileName: string },
  stalledMs = STALLED_MS,
): Promise<void> {
  const first = await chunks.next();
  ctx.status = 200;
  ctx.set(UNCACHED);
  // The fallback is for clients that read only ASCII.
  ctx.attachment(fileName, { fallback: fileName.replace(/[^ -~]/gu, '_') });
  if (ctx.method === 'HEAD') return;
  ctx.respond = false;
  ctx.res.setTimeout(stalledMs);
  try {
    await pipeline(async function* () {
      if (!first.done) yield first.value;
      yield* chunks;
    }, ctx.res);
  } catch {
    // The client has left, or a chunk has failed; Koa emits the failure of a chunk as an error of the app.
    ctx.state.outcome = 'cut-off';
  }
}
