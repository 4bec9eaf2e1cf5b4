import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Middleware } from 'koa';
import { NOSNIFF } from './edge/answerHeaders.ts';

// Serves a fixed list of files. A request can only select a path of that list, so no path can reach another file.

const types: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** The content of a path: a file, or text that is generated. */
export type Source = URL | { type: string; make: () => Promise<string> };
/** By URL path. */
export type Sources = Record<string, Source>;

/** The content type of a served file. */
export function typeOf(file: URL): string {
  const type = types[extname(file.pathname)];
  if (type === undefined) throw new Error(`no content type for ${file.pathname}`);
  return type;
}

/** The files of a folder, without subfolders, by `prefix` + name. `folder` ends with a slash. */
export const filesIn = (folder: URL, prefix: string): Record<string, URL> =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      // Editors and file managers may leave other files there.
      .filter((entry) => entry.isFile() && Object.hasOwn(types, extname(entry.name)))
      .map(({ name }) => [`${prefix}${name}`, new URL(encodeURIComponent(name), folder)]),
  );

interface Content {
  bytes: Buffer;
  gzipped: Buffer;
  etag: string;
}
const gzipAsync = promisify(gzip);

async function readContent(source: Source): Promise<Content> {
  const bytes = source instanceof URL ? await readFile(source) : Buffer.from(await source.make());
  const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { bytes, gzipped: await gzipAsync(bytes), etag };
}

/** No external resources, no inline code, no framing. Forms are submitted by scripts only. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // The style sheet of Swagger UI contains its icons.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  ...NOSNIFF,
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Browsers revalidate every time (304), so a new version of the page is shown as soon as the server has it.
  'Cache-Control': 'no-cache',
};

/**
 * Answers GET and HEAD for these paths and passes everything else on. Each content is read at its first request and kept, which
 * keeps the start of the server short.
 */
export function serveStaticFiles(sources: Sources): Middleware {
  const files = new Map(
    Object.entries(sources).map(([path, source]) => [
      path,
      { source, type: source instanceof URL ? typeOf(source) : source.type, content: undefined as Content | undefined },
    ]),
  );
  return async (ctx, next) => {
    const path = withoutTrailingSlash(ctx.path);
    const file = ctx.method === 'GET' || ctx.method === 'HEAD' ? files.get(path) : undefined;
    if (file === undefined) return next();
    // Logs and metrics use one label for all files of a folder.
    ctx.state.route = path.replace(/^(\/[^/]+)\/.+$/, '$1/:file');
    file.content ??= await readContent(file.source);
    const { bytes, gzipped, etag } = file.content;
    ctx.set({ ...HEADERS, ETag: etag });
    ctx.vary('Accept-Encoding');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const acceptsGzip = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (acceptsGzip) ctx.set('Content-Encoding', 'gzip');
    ctx.type = file.type;
    ctx.body = acceptsGzip ? gzipped : bytes;
  };
}

const withoutTrailingSlash = (path: string) => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);
