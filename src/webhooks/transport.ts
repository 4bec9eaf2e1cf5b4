import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { rootCertificates } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { Closer } from '../infra/closers.ts';
import { safeMessage } from '../infra/telemetry/safeError.ts';
import { type AddressRules, isAllowedAddress, refusalOfUrl } from './addresses.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** From the beginning of a request to the end of its answer. */
const REQUEST_TIMEOUT_MS = 15_000;
/** An answer that is longer is broken off, and its connection closed. */
const MAX_ANSWER_BYTES = 16 * 1_024;
/** What is kept of an answer. */
const MAX_ANSWER_CHARS = 300;
const KEEP_ALIVE_MS = 10_000;

export interface TransportSettings extends AddressRules {
  /** Certificate authorities beside those that Node knows, in PEM. */
  ca: string | undefined;
}

/** How a request ended. Only a status of 200 to 299 is a success; without a status there was no answer, or not all of it. */
export interface Sent {
  status: number | null;
  /** The beginning of the answer, or why there is none. */
  answer: string;
  /** The value of Retry-After in milliseconds. */
  retryAfterMs: number | undefined;
}

export interface Transport {
  /** Never rejects. A redirect is an answer like any other and is not followed. */
  post(url: string, headers: Record<string, string>, body: string): Promise<Sent>;
}

type Resolve = (host: string, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;
const resolveByDns: Resolve = (host, done) => lookup(host, { all: true, verbatim: true }, done);

/**
 * Sends requests to URLs that strangers have chosen. The address is checked when the connection is made, by the lookup that the socket
 * itself uses, so a name whose address changes after a check reaches nothing else. `resolve`: another lookup, for tests.
 */
export function openTransport(
  settings: TransportSettings,
  resolve: Resolve = resolveByDns,
): { transport: Transport; close: Closer } {
  const { privateNetworks, ca } = settings;
  const checkedLookup: LookupFunction = (host, options, done) =>
    resolve(host, (error, found) => {
      const allowed = error === null ? found.filter(({ address }) => isAllowedAddress(address, privateNetworks)) : [];
      const [first] = allowed;
      if (error !== null) done(error, '');
      else if (first === undefined) done(notAllowed(), '');
      else if (options.all) done(null, allowed);
      else done(null, first.address, first.family);
    });
  const connectTo = buildConnector({
    timeout: CONNECT_TIMEOUT_MS,
    lookup: checkedLookup,
    ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
  });
  const agent = new Agent({
    connect: connectTo,
    headersTimeout: REQUEST_TIMEOUT_MS,
    bodyTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
  });
  const transport: Transport = {
    async post(url, headers, body) {
      // The settings may have become stricter since the endpoint was registered. A literal address needs no lookup and is checked here.
      const refusal = refusalOfUrl(url, settings);
      if (refusal !== undefined) return failed(`The URL is not allowed: ${refusal}.`);
      try {
        const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
        const response = await agent.request({ ...partsOf(url), method: 'POST', headers, body, signal });
        const answer = await readBeginning(response.body);
        const { statusCode } = response;
        return { status: statusCode, answer, retryAfterMs: retryAfterOf(response.headers['retry-after']) };
      } catch (error) {
        return failed(reasonOf(error as Error));
      }
    },
  };
  return { transport, close: () => agent.destroy() };
}

const notAllowed = () => new Error('the address is not allowed');
const failed = (answer: string): Sent => ({ status: null, answer, retryAfterMs: undefined });

function partsOf(url: string): Pick<Dispatcher.RequestOptions, 'path'> & { origin: string } {
  const { origin, pathname, search } = new URL(url);
  return { origin, path: `${pathname}${search}` };
}

async function readBeginning(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    // Breaking off destroys the stream and its connection.
    if (bytes > MAX_ANSWER_BYTES) break;
  }
  // Characters that are not printable have no place in a log or on a page.
  const text = Buffer.concat(chunks)
    .subarray(0, MAX_ANSWER_CHARS * 4)
    .toString();
  return [...text.replace(/[^\P{C}\n]/gu, '\u{FFFD}')].slice(0, MAX_ANSWER_CHARS).join('');
}

/** Seconds or a date, as RFC 9110 has it. */
function retryAfterOf(value: string | string[] | undefined): number | undefined {
  if (typeof value !== 'string') return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

function reasonOf(error: Error): string {
  if (error.name === 'TimeoutError') return `No answer within ${REQUEST_TIMEOUT_MS / 1_000} s.`;
  return safeMessage(error).slice(0, MAX_ANSWER_CHARS);
}
