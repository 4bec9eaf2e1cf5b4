import { abortWith } from '../abortWith.ts';

/** The limit of one request, the connection included. */
const LIMIT_MS = 5_000;
const MAX_BYTES = 1 << 20;

/** The JSON at this URL. A redirect is refused: it could lead to a URL without TLS. */
export async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  const over = abortWith(signal);
  const limit = setTimeout(() => over.abort(new Error(`${url} does not answer within ${LIMIT_MS} ms`)), LIMIT_MS);
  try {
    return await fetchWithin(url, over.signal);
  } finally {
    clearTimeout(limit);
    over.abort();
  }
}

async function fetchWithin(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, {
    // The provider may have closed a connection that was kept from the request before.
    headers: { accept: 'application/json', connection: 'close' },
    redirect: 'error',
    signal,
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(`${url} answers with more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
