import type { Answer, HttpRequest } from './send.ts';

const BODY_LIMIT = 16 * 1024;

/** The rule that an answer breaks, in words; undefined when it breaks none. A 503 is judged by the run, which retries it. */
export function faultOf(
  { method, body = '' }: HttpRequest,
  { status, failure, type, json }: Answer,
): string | undefined {
  // The server closes the connection while the rest of a body over the limit arrives, which can take the answer with it.
  if (failure !== undefined) return Buffer.byteLength(body) > BODY_LIMIT ? undefined : `no answer: ${failure}`;
  if (status >= 500 && status !== 503) return `status ${status}`;
  const hasBody = method !== 'HEAD' && status !== 204 && status !== 304 && type === 'application/json';
  // The OpenAPI and AsyncAPI documents are the JSON answers that are no replies of the API.
  const isDocument = json?.openapi !== undefined || json?.asyncapi !== undefined;
  if (hasBody && typeof json?.errMsg !== 'string' && !isDocument) return 'a body without errMsg';
  if (status >= 400 && method !== 'HEAD' && !json?.errMsg) return `status ${status} without a reason`;
  return undefined;
}
