import { createServer, type RequestListener, type Server } from 'node:http';
import { createMalformedRequestHandler, refuseExpectation, requireOneHost } from '../malformedRequests.ts';
import { createOpenAnswers } from './openAnswers.ts';

/**
 * A client that sends slower than this gets 408 and is disconnected. The limits hold from the connection,
 * or from the first byte of a later request, and Node looks at them at the interval, so a slow client is gone within 10 s. The time
 * that the server takes for the answer does not count: a stream of `GET /api/live` stays open.
 */
export const SLOW_CLIENT_LIMITS = {
  headersTimeout: 5_000,
  requestTimeout: 8_000,
  connectionsCheckingInterval: 1_000,
} as const;

/**
 * A connection on which nothing moves for this long in the middle of a request is closed: its client does not read the answer, which
 * the process would hold for ever. Longer than the longest wait for an answer, which is a log-in in a full line, and longer than the
 * pause between two events of a stream.
 */
const STALLED_MS = 60_000;

/** An HTTP server that does not listen yet, with all its limits in time. */
export function createHttpServer(
  listener: RequestListener,
  { keepAliveSeconds }: { keepAliveSeconds: number },
): Server {
  const options = { ...SLOW_CLIENT_LIMITS, keepAliveTimeout: keepAliveSeconds * 1_000, requireHostHeader: false };
  const answers = createOpenAnswers();
  const server = createServer(options, answers.tracked(requireOneHost(listener)))
    .on('clientError', createMalformedRequestHandler(answers))
    .on('checkExpectation', answers.tracked(refuseExpectation));
  server.timeout = STALLED_MS;
  // Beyond a number of headers, Node would drop the rest, such as a second `Authorization`. Their bytes are limited (16 KiB).
  server.maxHeadersCount = 0;
  return server;
}
