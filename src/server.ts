import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ServerConfig } from './config.ts';
import { createApp, createOperatorApp } from './http/app.ts';
import { limitConnections, limitsOfProcess, registerConnections } from './http/edge/connectionLimits.ts';
import { DRAIN_LIMIT_MS, drain } from './http/edge/drain.ts';
import { createHttpServer } from './http/edge/httpServer.ts';
import { openFilesLimit } from './http/edge/openFiles.ts';
import { closeWithin, openAll } from './infra/closers.ts';
import type { Log } from './infra/telemetry/log.ts';
import { OperatorError } from './operatorError.ts';
import { openSystem } from './system.ts';

/** After the drain the stores get this long to take the decided events, so that a stop ends within 10 s even if a store hangs. */
const CLOSE_LIMIT_MS = 4_000;
/** A stop takes no longer than this; a supervisor must not kill the server earlier. */
export const STOP_LIMIT_MS = DRAIN_LIMIT_MS + CLOSE_LIMIT_MS;

/** So few that they fit into the reserved files. Scrapes and checks need two or three. */
const OPERATOR_CONNECTIONS = { total: 32, perAddress: 0 };

/** Opens one server process: the system, and HTTP in front of it. Closing answers the accepted requests, then closes the system. */
export const openServer = (config: ServerConfig, log: Log) =>
  openAll(async (remember) => {
    const { system, close: closeSystem } = await openSystem(config, log);
    remember(async () => {
      if (!(await closeWithin(CLOSE_LIMIT_MS, closeSystem)))
        log.warn('a store does not reply; stopping without it, unapplied events stay in the outbox');
    });
    releaseStartMemory();
    if (config.opsPort !== undefined) {
      const operators = createHttpServer(createOperatorApp(system).callback(), config);
      limitConnections(operators, OPERATOR_CONNECTIONS, log);
      await listen(operators, { host: config.host, port: config.opsPort }, 'OPS_PORT');
      // Without a drain: a scrape must not make the stop longer.
      remember(() => {
        operators.close();
        operators.closeAllConnections();
      });
      log.info({ url: urlOf(operators) }, 'the port for operators is open');
    }
    const http = createHttpServer(createApp(system, config).callback(), config);
    const counts = limitConnections(http, limitsOfProcess(config, openFilesLimit(), log), log);
    registerConnections(system.metrics.register, counts);
    await listen(http, config, 'PORT');
    remember(() => drain(http));
    // Runs first: otherwise the drain would wait for open streams as for any answer.
    remember(system.live.endStreams);
    remember(system.feed.endStreams);
    return { url: urlOf(http) };
  });

function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

/**
 * Returns the memory that only the start needed: an idle process would keep 30 MiB of garbage for ever. Called before the port is
 * open, because every request would wait for it. Node has the function only with `--expose-gc`, which `npm start` sets.
 */
const releaseStartMemory = () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });

async function listen(
  server: Server,
  { host, port }: { host: string; port: number },
  portSetting: 'PORT' | 'OPS_PORT',
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const setting =
        error.code === 'EADDRINUSE' || error.code === 'EACCES' ? `${portSetting}: ${port}` : `HOST: ${host}`;
      reject(new OperatorError(`${setting} cannot be used: ${error.message}`));
    });
    server.listen({ host, port }, resolve);
  });
}
