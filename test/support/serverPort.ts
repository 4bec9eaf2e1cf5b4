import type { Server } from 'node:net';

/** Makes the server listen on a free port of 127.0.0.1; resolves to the port. */
export const serverPort = (server: Server) =>
  new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    }),
  );
