import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Context, Middleware } from 'koa';
import { plainProblem } from '../errors.ts';
import { viewerFiles, viewerPage } from './viewer.ts';

interface Content {
  type: string;
  bytes: Buffer;
  etag: string;
}

/** Scripts, styles and the document come from this server alone; Swagger UI has its icons in its style sheet, as data: URLs. */
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

/** `/openapi.json`, and the page that shows it. Each is made or read when somebody asks for it first, and kept. */
export function createDocs(): { document: Middleware; viewer: Middleware } {
  const contents = new Map<string, Content>();
  const contentOf = (name: string, type: string, read: () => string | Buffer): Content => {
    const known = contents.get(name);
    if (known !== undefined) return known;
    const bytes = Buffer.from(read());
    const content = { type, bytes, etag: createHash('sha256').update(bytes).digest('base64url') };
    contents.set(name, content);
    return content;
  };

  return {
    async document(ctx) {
      // Read now as well: a server that nobody asks for it starts without it.
      const { createDocument } = await import('./document.ts');
      const content = contentOf('', 'application/json', () => JSON.stringify(createDocument()));
      send(ctx, content);
    },
    viewer(ctx) {
      const { file } = ctx.params as { file?: string };
      const found = file === undefined ? viewerPage : Object.hasOwn(viewerFiles, file) ? viewerFiles[file] : undefined;
      if (found === undefined) throw plainProblem(404);
      const content = contentOf(found.path, found.type, () => readFileSync(found.path));
      ctx.set('Content-Security-Policy', CONTENT_SECURITY_POLICY);
      send(ctx, content);
    },
  };
}

function send(ctx: Context, { type, bytes, etag }: Content): void {
  ctx.status = 200;
  ctx.etag = etag;
  // The name stays when the content changes: it may be kept, and is asked for again.
  ctx.set('Cache-Control', 'no-cache');
  ctx.set('X-Content-Type-Options', 'nosniff');
  if (ctx.fresh) {
    ctx.status = 304;
    return;
  }
  ctx.type = type;
  ctx.body = bytes;
}
