import { connect } from 'node:net';

/** The bytes should end the connection: with `Connection: close`, or because the server refuses them. Only a failed test waits so long. */
const SILENCE_MS = 15_000;

export interface RawAnswer {
  status: number;
  /** Status line and headers. */
  head: string;
  body: string;
}

/** Sends these bytes on a connection of their own and resolves to every answer, in order. Only bodies with a length are read. */
export const rawAnswers = (url: string, bytes: string | Buffer): Promise<RawAnswer[]> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const chunks: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    // The server may close the connection while the rest of the bytes is sent.
    socket.on('error', () => {});
    socket.on('close', () => resolve(split(Buffer.concat(chunks).toString('latin1'))));
  });

function split(text: string): RawAnswer[] {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return [];
  const head = text.slice(0, end);
  const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  const body = text.slice(end + 4, end + 4 + length);
  return [{ status: Number(head.slice(9, 12)), head, body }, ...split(text.slice(end + 4 + length))];
}
