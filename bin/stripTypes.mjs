// For Node before 22.18, which does not run TypeScript itself: the hook that strips the types of a module when it is loaded, with
// the compiler that newer releases contain. It replaces types by spaces, so positions in stack traces need no source maps.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
// A newer compiler may strip differently.
const compiler = require('@swc/wasm-typescript/package.json').version;
let cacheFolder;

export function initialize({ cache }) {
  cacheFolder = cache;
}

export async function load(url, context, nextLoad) {
  if (!url.endsWith('.ts')) return nextLoad(url, context);
  const path = fileURLToPath(url);
  const source = stripped(path, readFileSync(path, 'utf8'));
  return { format: 'module', source, shortCircuit: true };
}

/** Each file has one entry in the cache. Its last line is the hash of the source that it was made from, so it is never stale. */
function stripped(path, text) {
  const entry = cacheFolder && join(cacheFolder, `${hash(path)}.js`);
  const lastLine = `\n//${hash(compiler, text)}`;
  try {
    const cached = readFileSync(entry, 'utf8');
    if (cached.endsWith(lastLine)) return cached;
  } catch {
    // There is no entry, or no cache.
  }
  // Loaded only here: a start that finds all of its files in the cache needs no compiler.
  const { transformSync } = require('@swc/wasm-typescript');
  const code = transformSync(text, { mode: 'strip-only', module: true, filename: path }).code + lastLine;
  store(entry, code);
  return code;
}

/** Renamed into place: another process must never read half of an entry. Where nothing can be written, there is no cache. */
function store(entry, code) {
  try {
    mkdirSync(cacheFolder, { recursive: true });
    const temporary = `${entry}.${process.pid}`;
    writeFileSync(temporary, code);
    renameSync(temporary, entry);
  } catch {}
}

function hash(...parts) {
  const sum = createHash('sha256');
  for (const part of parts) sum.update(part).update('\0');
  return sum.digest('base64url');
}
