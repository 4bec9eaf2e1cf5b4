import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServerConfig } from './config.ts';
import { createApp } from './http/app.ts';
import { limitConnections, limitsOfProcess } from './http/edge/connectionLimits.ts';
import { createHttpServer } from './http/edge/httpServer.ts';
import { openFilesLimit } from './http/edge/openFiles.ts';
import { type Closer, closeWithin, openAll } from './infra/closers.ts';
import type { Log } from './infra/telemetry/log.ts';
import { OperatorError } from './operatorError.ts';
import { openSystem } from './system.ts';

/** When the server stops, accepted requests get this long to be answered. */
const DRAIN_LIMIT_MS = 5_000;
/** After that the stores get this long to take the decided events, so that a stop ends within 10 s even if a store hangs. */
const CLOSE_LIMIT_MS = 4_000;
/** A stop takes no longer than this; a supervisor must not kill the server earlier. */
export const STOP_LIMIT_MS = DRAIN_LIMIT_MS + CLOSE_LIMIT_MS;

/** Opens one server process: the system, and HTTP in front of it. Closing answers the accepted requests, then closes the system. */
export const openServer = (config: ServerConfig, log: Log) =>
  openAll(async (remember) => {
    const { system, close: closeSystem } = await openSystem(config, log);
    remember(async () => {
      if (!(await closeWithin(CLOSE_LIMIT_MS, closeSystem)))
        log.warn('a store does not reply; stopping without it, unapplied events stay in the outbox');
    });
    releaseStartMemory();
    const http = createHttpServer(createApp(system, config).callback(), config);
    limitConnections(http, limitsOfProcess(config, openFilesLimit(), log), { register: system.metrics.register, log });
    const { server, close: closeHttp } = await listen(http, config);
    remember(closeHttp);
    // Runs first: otherwise the drain would wait for open streams as for any answer.
    remember(system.live.endStreams);
    const { address, family, port } = server.address() as AddressInfo;
    return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}` };
  });

/**
 * Returns the memory that only the start needed: an idle process would keep 30 MiB of garbage for ever. Called before the port is
 * open, because every request would wait for it. Node has the function only with `--expose-gc`, which `npm start` sets.
 */
const releaseStartMemory = () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });

async function listen(server: Server, { host, port }: ServerConfig): Promise<{ server: Server; close: Closer }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const setting = error.code === 'EADDRINUSE' || error.code === 'EACCES' ? `PORT: ${port}` : `HOST: ${host}`;
      reject(new OperatorError(`${setting} cannot be used: ${error.message}`));
    });
    server.listen({ host, port }, resolve);
  });
  const close = async () => {
    const ended = new Promise((resolve) => server.close(resolve));
    // A keep-alive connection is closed after its current answer.
    server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
    await ended;
    clearInterval(idle);
    clearTimeout(cut);
  };
  return { server, close };
}
