import { connect } from 'node:net';

export interface RawAnswer {
  status: number;
  /** Status line and headers. */
  head: string;
  body: string;
}

/**
 * One HTTP/1.1 connection that is kept alive, one request at a time. A complete client would use more CPU than the measured
 * server. This client supports Content-Length only, which is all that the servers here send.
 */
export function openRawConnection(
  url: string,
  { onOpen, onAnswer, onClose }: { onOpen(): void; onAnswer(answer: RawAnswer): void; onClose(): void },
) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let received = '';
  socket.on('connect', onOpen);
  socket.on('error', () => {});
  socket.on('close', onClose);
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
    const headEnd = received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const head = received.slice(0, headEnd);
    const [, length = 0] = /^content-length: (\d+)/im.exec(head) ?? [];
    const end = headEnd + 4 + Number(length);
    if (received.length < end) return;
    const body = received.slice(headEnd + 4, end);
    received = received.slice(end);
    onAnswer({ status: Number(head.slice(9, 12)), head, body });
  });
  return { send: (request: string) => socket.write(request), close: () => socket.destroy() };
}

/** The headers by their lower-case names, without those of the connection. */
export function headersOf(head: string): Record<string, string> {
  const lines = head.split('\r\n').slice(1);
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return Object.fromEntries(pairs.filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name)));
}
