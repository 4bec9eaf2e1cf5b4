import { Agent, request } from 'node:http';
import { connect } from 'node:net';

export interface HttpRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string | Buffer;
  /** The user whose token the request has. */
  by?: string;
}

export interface Answer {
  /** 0 when no answer came; `failure` says why. */
  status: number;
  failure?: string;
  type: string;
  /** The token that a log-in returns. */
  token?: string | undefined;
  /** The body, when it is a JSON object. */
  json: Record<string, unknown> | undefined;
}

/** No request takes as long as this unless the server hangs. */
const LIMIT_MS = 20_000;
/** A connection with bytes that are no request is left after this time: the server may wait for the rest of them. */
const BYTES_LIMIT_MS = 300;

export function createSender(url: string, connections: number) {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true, maxSockets: connections });

  const sendOnce = (sent: HttpRequest, answered: (answer: Answer, mayRepeat: boolean) => void) => {
    // Without a length, Node sends the body of a HEAD or DELETE unannounced, as if it were the next request.
    const length = sent.body === undefined ? {} : { 'Content-Length': Buffer.byteLength(sent.body) };
    const outgoing = request({
      hostname,
      port,
      agent,
      method: sent.method,
      path: sent.path,
      headers: { ...sent.headers, ...length },
    });
    let isAnswered = false;
    const end = (answer: Answer, mayRepeat = false) => {
      if (!isAnswered) answered(answer, mayRepeat);
      isAnswered = true;
    };
    const failed = (failure: string) => ({ status: 0, failure, type: '', json: undefined });
    outgoing.setTimeout(LIMIT_MS, () => outgoing.destroy(new Error(`no answer after ${LIMIT_MS} ms`)));
    // The server may close an idle connection in the moment in which it is used again.
    outgoing.on('error', ({ message }) => end(failed(message), outgoing.reusedSocket));
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk) => chunks.push(chunk));
      incoming.on('error', ({ message }) => end(failed(message)));
      incoming.on('end', () => {
        const type = incoming.headers['content-type']?.split(';')[0] ?? '';
        const json = jsonIn(type, Buffer.concat(chunks).toString());
        end({ status: incoming.statusCode ?? 0, type, json, token: incoming.headers.authorization });
      });
    });
    outgoing.end(sent.body);
  };

  const send = (sent: HttpRequest): Promise<Answer> =>
    new Promise((resolve) =>
      sendOnce(sent, (answer, mayRepeat) => (mayRepeat ? sendOnce(sent, resolve) : resolve(answer))),
    );

  /** Sends bytes on a connection of their own. Resolves to the status of each answer that came. */
  const sendBytes = (bytes: Buffer): Promise<number[]> =>
    new Promise((resolve) => {
      let received = '';
      const socket = connect(Number(port), hostname, () => socket.write(bytes));
      socket.setTimeout(BYTES_LIMIT_MS, () => socket.destroy());
      socket.on('data', (chunk) => (received += chunk.toString('latin1')));
      socket.on('error', () => {});
      socket.on('close', () =>
        resolve([...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status))),
      );
    });

  return { send, sendBytes, close: () => agent.destroy() };
}

function jsonIn(type: string, text: string): Record<string, unknown> | undefined {
  if (type !== 'application/json' || text === '') return undefined;
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}
