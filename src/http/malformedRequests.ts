import { type IncomingMessage, type RequestListener, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { UNCACHED } from './edge/answerHeaders.ts';
import type { OpenAnswers } from './edge/openAnswers.ts';
import { isRepeated } from './edge/repeatedHeaders.ts';
import { malformedRequest, type Problem, plainProblem, problemOfParser } from './errors.ts';

/**
 * Answers bytes that Node's HTTP parser refuses, which never reach Koa: a header over the limit, malformed HTTP, a request that does
 * not end. Complete requests before these bytes get their answers first: a client would take an early 400 for the answer to its grab.
 * Nothing is logged: a client can send such bytes at any rate.
 */
export function createMalformedRequestHandler(
  answers: OpenAnswers,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  /** Node reports each further chunk of such bytes. */
  const refused = new WeakSet<Duplex>();
  const answerInTurn = (socket: Duplex, text: string): void => {
    const open = answers.of(socket);
    const earlier = open.find(({ req }) => req.complete);
    if (earlier !== undefined) return void earlier.once('close', () => answerInTurn(socket, text));
    // The answer before this one has ended the connection, which closes when the client has received the answer.
    if (!socket.writable) return;
    // A part of the answer to this request is sent already, so a second answer would be read as its rest.
    if (open.some(({ headersSent }) => headersSent)) return void socket.destroy();
    socket.end(text, () => socket.destroy());
  };
  return (error, socket) => {
    if (error.code === 'ECONNRESET') return void socket.destroy();
    if (refused.has(socket)) return;
    refused.add(socket);
    answerInTurn(socket, responseText(problemOfParser(error.code)));
  };
}

/** Refuses an `Expect` other than `100-continue`, which Node would answer without errMsg. */
export const refuseExpectation = (_request: IncomingMessage, response: ServerResponse): void =>
  refuse(response, plainProblem(417));

/**
 * Refuses a request of HTTP/1.1 without a Host, which Node would answer without errMsg, and a request with several: the proxy in front
 * may have read another one than Node.
 */
export const requireOneHost =
  (listener: RequestListener): RequestListener =>
  (request, response) => {
    const hasNone = request.headers.host === undefined && request.httpVersion === '1.1';
    if (hasNone || isRepeated('host', request)) refuse(response, malformedRequest());
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
