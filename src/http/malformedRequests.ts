import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Problem, problemOfParser } from './errors.ts';

/**
 * Answers bytes that Node's HTTP parser refuses, which never reach Koa: a header over the limit, malformed HTTP, a request that does
 * not end. Nothing is logged: a client can send such bytes at any rate.
 */
export function answerMalformedRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  socket.end(responseText(problemOfParser(error.code)), () => socket.destroy());
}

function responseText({ status, body }: Problem): string {
  const json = JSON.stringify(body);
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(json)}`,
    'Connection: close',
    '',
    json,
  ].join('\r\n');
}
