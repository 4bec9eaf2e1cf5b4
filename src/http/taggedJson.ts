import { hash } from 'node:crypto';
import type { Context } from 'koa';

/** A JSON body with its headers, ready to be sent any number of times. */
export interface TaggedJson {
  /** The bytes of the body, each as one character: Node sends such a string and the headers with one write, and encodes nothing. */
  bytes: string;
  etag: string;
  headers: Record<string, string | number>;
}

// A client may keep the answer, but must ask before each use whether it is still true. No cache may share it between users.
const CACHE_CONTROL = 'private, no-cache';

export function toTaggedJson(body: object): TaggedJson {
  const bytes = Buffer.from(JSON.stringify(body));
  const etag = `"${hash('sha256', bytes, 'base64url').slice(0, 22)}"`;
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': bytes.length,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': CACHE_CONTROL,
    ETag: etag,
  };
  return { bytes: bytes.toString('latin1'), etag, headers };
}

/** 200 with the body, or 304 without it when the client has this body already. Without Koa, whose response handling costs more. */
export function respondTagged(ctx: Context, { bytes, etag, headers }: TaggedJson): void {
  ctx.respond = false;
  if (hasTag(ctx.req.headers['if-none-match'], etag))
    ctx.res.writeHead(304, { 'X-Content-Type-Options': 'nosniff', 'Cache-Control': CACHE_CONTROL, ETag: etag }).end();
  else ctx.res.writeHead(200, headers).end(bytes, 'latin1');
}

/**
 * The weak comparison of RFC 9110 with a list of tags. The tag has its quotation marks and no comma, so it can only be found as a
 * whole element of a list, with or without `W/`. `Cache-Control: no-cache` of the request changes nothing: `fetch` adds it to each
 * request with an If-None-Match, and this server is no cache.
 */
const hasTag = (condition: string | undefined, etag: string) =>
  condition !== undefined && (condition === '*' || condition.includes(etag));
