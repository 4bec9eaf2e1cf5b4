import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHttpServer } from '../../src/http/edge/httpServer.ts';

/** An HTTP server for this listener, on a port of its own. */
export async function serveApp(listener: RequestListener): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createHttpServer(listener, { keepAliveSeconds: 5 });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, close };
}
