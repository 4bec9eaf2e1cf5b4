import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Middleware } from 'koa';

// Pages and what they need. What is not named can't be asked for, whatever a path looks like.

const types: Record<string, string> = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

/** What a path answers: a file, or something that is made. */
export type Source = URL | { type: string; make: () => Promise<string> };
/** By the path that a browser asks for. */
export type Sources = Record<string, Source>;

/** The content type of a file that is served. */
export function typeOf(file: URL): string {
  const type = types[extname(file.pathname)];
  if (type === undefined) throw new Error(`no content type for ${file.pathname}`);
  return type;
}

/** The files of a folder, not of those below it, as `under` + name. `folder` ends with a slash. */
export const filesOf = (folder: URL, under: string): Record<string, URL> =>
  Object.fromEntries(
    readdirSync(folder, { withFileTypes: true })
      // An editor or a file manager may leave files of its own there.
      .filter((entry) => entry.isFile() && Object.hasOwn(types, extname(entry.name)))
      .map(({ name }) => [`${under}${name}`, new URL(encodeURIComponent(name), folder)]),
  );

interface Content {
  bytes: Buffer;
  zipped: Buffer;
  etag: string;
}
const zip = promisify(gzip);

async function readContent(source: Source): Promise<Content> {
  const bytes = source instanceof URL ? await readFile(source) : Buffer.from(await source.make());
  const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  return { bytes, zipped: await zip(bytes), etag };
}

/** Nothing from elsewhere, nothing inline, in nobody's frame. A form that its script does not take sends nothing anywhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Swagger UI has its icons in its style sheet.
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  // Asked again each time, answered 304: a new version of the server is a new version of the page at once.
  'Cache-Control': 'no-cache',
};

/**
 * Answers GET and HEAD of these; everything else goes on. Each is read when somebody asks for it first, and kept: a server that
 * nobody looks at starts without them.
 */
export function serveStaticFiles(sources: Sources): Middleware {
  const files = new Map(
    Object.entries(sources).map(([path, source]) => [
      path,
      { source, type: source instanceof URL ? typeOf(source) : source.type, content: undefined as Content | undefined },
    ]),
  );
  return async (ctx, next) => {
    const path = withoutSlashAtItsEnd(ctx.path);
    const file = ctx.method === 'GET' || ctx.method === 'HEAD' ? files.get(path) : undefined;
    if (file === undefined) return next();
    // For logs and metrics, which name no single file.
    ctx.state.route = path.replace(/(?<=.)\/[^/]+$/, '/:file');
    file.content ??= await readContent(file.source);
    const { bytes, zipped, etag } = file.content;
    ctx.set({ ...HEADERS, ETag: etag });
    ctx.vary('Accept-Encoding');
    ctx.status = 200;
    if (ctx.fresh) {
      ctx.status = 304;
      return;
    }
    const takesZipped = ctx.acceptsEncodings('gzip', 'identity') === 'gzip';
    if (takesZipped) ctx.set('Content-Encoding', 'gzip');
    ctx.type = file.type;
    ctx.body = takesZipped ? zipped : bytes;
  };
}

const withoutSlashAtItsEnd = (path: string) => (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);
