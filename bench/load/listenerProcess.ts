import { connect, type Socket } from 'node:net';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { serveParent } from './childProcess.ts';

// Opens streams of live figures and reads them, in a process of its own, so that its CPU time is not counted as the server's.

let sockets: Socket[] = [];
let bytes = 0;
let events = 0;

export interface ListenerOptions {
  url: string;
  seller: string;
  secret: string;
  /** Number of streams. */
  count: number;
}

async function openStreams({ url, seller, secret, count }: ListenerOptions): Promise<void> {
  const { hostname, port } = new URL(url);
  const issueToken = createTokenIssuer(secret, 86_400);
  for (let place = 0; place < count; place++) {
    const token = issueToken(`listener-${place}`, 'customer');
    await new Promise<void>((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.once('error', reject);
      socket.once('data', (chunk) =>
        chunk.toString('latin1').startsWith('HTTP/1.1 200') ? resolve() : reject(new Error(String(chunk))),
      );
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (chunk.includes('event: ')) events++;
      });
      socket.write(`GET /api/live?seller=${seller} HTTP/1.1\r\nHost: bench\r\nAuthorization: ${token}\r\n\r\n`);
      sockets.push(socket);
    });
  }
  bytes = 0;
  events = 0;
}

/** Ends the streams; returns what they have received since all of them were open. */
function closeStreams(): { bytes: number; events: number } {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  return { bytes, events };
}

serveParent({ openStreams, closeStreams });
