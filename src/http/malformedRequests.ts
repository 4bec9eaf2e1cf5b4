import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { UNCACHED } from './edge/answerHeaders.ts';
import { malformedRequest, type Problem, plainProblem, problemOfParser } from './errors.ts';

/**
 * Answers bytes that Node's HTTP parser refuses, which never reach Koa: a header over the limit, malformed HTTP, a request that does
 * not end. Nothing is logged: a client can send such bytes at any rate.
 */
export function answerMalformedRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  socket.end(responseText(problemOfParser(error.code)), () => socket.destroy());
}

/** Refuses an `Expect` other than `100-continue`, which Node would answer without errMsg. */
export const refuseExpectation = (_request: IncomingMessage, response: ServerResponse): void =>
  refuse(response, plainProblem(417));

/** The same for a request of HTTP/1.1 without a Host; the server must not check the Host itself. */
export const refuseWithoutHost =
  (listener: RequestListener): RequestListener =>
  (request, response) => {
    if (request.headers.host === undefined && request.httpVersion === '1.1') refuse(response, malformedRequest());
    else listener(request, response);
  };

function refuse(response: ServerResponse, problem: Problem): void {
  const { headers, json } = answerOf(problem);
  response.writeHead(problem.status, headers).end(json);
}

function responseText(problem: Problem): string {
  const { headers, json } = answerOf(problem);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, '', json].join('\r\n');
}

function answerOf({ body }: Problem) {
  const json = JSON.stringify(body);
  const headers = {
    ...UNCACHED,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(json),
    Connection: 'close',
  };
  return { headers, json };
}
