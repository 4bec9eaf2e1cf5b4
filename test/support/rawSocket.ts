import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** A connection on which a test sends any bytes. */
export interface RawSocket {
  socket: Socket;
  /** All that the server has sent. */
  received(): string;
  /** Resolves when the connection has ended, in whichever way. */
  closed: Promise<void>;
}

/** Connects to the server of the URL and sends the first bytes. */
export async function openRawSocket(url: string, first = ''): Promise<RawSocket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  // A connection that the server resets is closed as well.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([once(socket, 'connect'), closed]);
  if (first !== '') socket.write(first);
  return { socket, received: () => text, closed };
}
