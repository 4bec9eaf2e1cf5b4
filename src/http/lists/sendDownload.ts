import { pipeline } from 'node:stream/promises';
import type { Context } from 'koa';

/** A client that takes nothing for this long is cut off. */
const STALLED_MS = 60_000;

/**
 * Sends the chunks as a file, each when the client has taken those before it. When a chunk fails, the connection is cut, so that a part
 * never looks like the whole; a failure of the first chunk is thrown, and can still be answered. When the client leaves, no further
 * chunk is asked for.
 */
export async function sendDownload(
  ctx: Context,
  { chunks, fileName }: { chunks: AsyncGenerator<string>; fileName: string },
  stalledMs = STALLED_MS,
): Promise<void> {
  const first = await chunks.next();
  ctx.status = 200;
  // The fallback is for clients that know ASCII alone.
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
    // The client has left, or a chunk has failed: Koa reports that failure, since it ended the response.
    ctx.state.outcome = 'cut-off';
  }
}
