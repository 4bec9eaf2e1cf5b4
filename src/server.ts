import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServerConfig } from './config.ts';
import { createApp } from './http/app.ts';
import { type Closer, closeWithin, openAll } from './infra/closers.ts';
import type { Log } from './infra/telemetry/log.ts';
import { OperatorError } from './operatorError.ts';
import { openSystem } from './system.ts';

/** Requests that were accepted get this long to be answered when the server stops. */
const DRAIN_LIMIT_MS = 5_000;
/** And the stores this long to take what was decided: a stop ends within 10 s whatever they do. */
const CLOSE_LIMIT_MS = 4_000;
/** So nobody needs to kill a server that was told to stop before this. */
export const STOP_LIMIT_MS = DRAIN_LIMIT_MS + CLOSE_LIMIT_MS;

/** One server process: the system and HTTP in front of it. Closing answers what was accepted, then closes the system. */
export const openServer = (config: ServerConfig, log: Log) =>
  openAll(async (remember) => {
    const { system, close: closeSystem } = await openSystem(config, log);
    remember(async () => {
      if (!(await closeWithin(CLOSE_LIMIT_MS, closeSystem)))
        log.warn('a store does not answer; what is left to apply is in the outbox');
    });
    const { server, close: closeHttp } = await listen(createServer(createApp(system).callback()), config);
    remember(closeHttp);
    // A stream would be waited for like any answer.
    remember(system.live.endStreams);
    const { address, family, port } = server.address() as AddressInfo;
    return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}` };
  });

async function listen(server: Server, { host, port }: ServerConfig): Promise<{ server: Server; close: Closer }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const setting = error.code === 'EADDRINUSE' || error.code === 'EACCES' ? `PORT: ${port}` : `HOST: ${host}`;
      reject(new OperatorError(`${setting} can't be listened on: ${error.message}`));
    });
    server.listen({ host, port }, resolve);
  });
  const close = async () => {
    const ended = new Promise((resolve) => server.close(resolve));
    // A connection that is kept alive ends with the answer that is under way on it.
    server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
    await ended;
    clearInterval(idle);
    clearTimeout(cut);
  };
  return { server, close };
}
