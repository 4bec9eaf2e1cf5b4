import type { Context } from 'koa';

/** Every answer has this header: a browser takes the content type that is sent, and never guesses one. */
export const NOSNIFF = { 'X-Content-Type-Options': 'nosniff' } as const;
/** The headers of every answer without an ETag: it is personal, or true at this moment only. */
export const UNCACHED = { ...NOSNIFF, 'Cache-Control': 'no-store' } as const;

/** The content type of an answer that is written without Koa. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** Adds these headers to an answer that Koa writes. A handler that writes its answer itself has them among its own. */
export function addCommonHeaders(ctx: Context): void {
  if (ctx.respond === false) return;
  ctx.set(NOSNIFF);
  if (!ctx.res.hasHeader('Cache-Control')) ctx.set('Cache-Control', UNCACHED['Cache-Control']);
}
