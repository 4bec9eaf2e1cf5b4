import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Middleware } from 'koa';

// Few and small files, read once: what is not in the map can't be asked for, whatever a path looks like.

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json; charset=utf-8',
};

interface StaticFile {
  type: string;
  bytes: Buffer;
  zipped: Buffer;
  etag: string;
}
/** By the path that a browser asks for. */
export type StaticFiles = ReadonlyMap<string, StaticFile>;

function readStaticFile(file: URL): StaticFile {
  const type = types[extname(file.pathname)];
  if (type === undefined) throw new Error(`no content type for ${file.pathname}`);
  const bytes = readFileSync(file);
  const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { type, bytes, zipped: gzipSync(bytes), etag };
}

/** Reads single files, each with the path that it gets. */
export const readStaticFiles = (files: Record<string, URL>): StaticFiles =>
  new Map(Object.entries(files).map(([path, file]) => [path, readStaticFile(file)]));

/** The files of a folder, not of those below it, as `under` + name. `folder` ends with a slash. */
export const filesOf = (folder: URL, under: string): Record<string, URL> =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => [`${under}${name}`, new URL(encodeURIComponent(name), folder)]),
  );

/** Nothing from elsewhere, nothing inline, in nobody's frame. A form that its script does not take sends nothing anywhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Answers GET and HEAD of these files; everything else goes on. `policy` is for pages that need a little more. */
export function serveStaticFiles(files: StaticFiles, policy = CONTENT_SECURITY_POLICY): Middleware {
  return (ctx, next) => {
    const file = ctx.method === 'GET' || ctx.method === 'HEAD' ? files.get(ctx.path) : undefined;
    if (file === undefined) return next();
    ctx.set({
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
      'Cross-Origin-Opener-Policy': 'same-origin',
      // Asked again each time, answered 304: a new version of the server is a new version of the page at once.
      'Cache-Control': 'no-cache',
      ETag: file.etag,
    });
    ctx.vary('Accept-Encoding');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const zipped = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (zipped) ctx.set('Content-Encoding', 'gzip');
    ctx.type = file.type;
    ctx.body = zipped ? file.zipped : file.bytes;
  };
}
