import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHttpServer } from '../../src/http/edge/httpServer.ts';

/** An HTTP server for this listener, on a port of its own. */
export async function serveApp(
  listener: RequestListener,
  { keepAliveSeconds = 5 } = {},
): Promise<{ url: string; server: Server; close: () => Promise<void> }> {
  const server = createHttpServer(listener, { keepAliveSeconds });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { url: `http://127.0.0.1:${port}`, server, close };
}
