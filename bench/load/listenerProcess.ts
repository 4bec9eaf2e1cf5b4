import { connect, type Socket } from 'node:net';
import { createTokenIssuer } from '../../src/infra/tokens.ts';
import { answerParent } from './childProcess.ts';

// An audience: a process of its own that opens streams and reads them, so that what it costs is not counted as the server's.

let sockets: Socket[] = [];
let bytes = 0;
let events = 0;

async function listen({ url, seller, secret, count }: { url: string; seller: string; secret: string; count: number }) {
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

/** Ends the streams; resolves to what was read since all of them were open. */
function leave() {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  return { bytes, events };
}

answerParent({ listen, leave });
