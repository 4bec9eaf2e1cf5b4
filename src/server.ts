import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createApp } from './app.ts';
import { createAuth } from './auth.ts';
import { ConfigError, type ServerConfig } from './config.ts';
import { createBus } from './infra/bus.ts';
import { type Closer, createClosers } from './infra/closers.ts';
import { createGate } from './infra/gate.ts';
import type { Log } from './infra/log.ts';
import { openMysql } from './infra/mysql.ts';
import { createPasswords } from './infra/passwords.ts';
import { openRedis } from './infra/redis.ts';
import { openRevocations } from './infra/revocations.ts';
import { loadScripts } from './infra/scripts.ts';
import { openFence } from './projections/fence.ts';
import { startMysqlProjection } from './projections/mysqlProjection.ts';
import { reconcile } from './projections/reconcile.ts';
import { projectToViews } from './projections/redisViews.ts';
import { startRelay } from './projections/relay.ts';

/** Requests that were accepted get this long to be answered when the server stops. */
const DRAIN_LIMIT_MS = 5_000;

/**
 * Opens one server process, top to bottom: stores, projections, reconcile, HTTP. It takes grabs when this resolves. Closing
 * goes the other way round: what was accepted is answered, what was decided is applied.
 */
export async function openServer(config: ServerConfig, log: Log): Promise<{ url: string; close: Closer }> {
  const closers = createClosers();
  try {
    const { mysql, close: closeMysql } = await openMysql(config.mysqlUrl);
    closers.push(closeMysql);
    const { redis, close: closeRedis } = await openRedis(config.redisUrl, log);
    closers.push(closeRedis);
    await loadScripts(redis);

    const gate = createGate();
    const bus = createBus();
    bus.inline(({ events }) => projectToViews(redis, events));
    const { projection, close: closeProjection } = startMysqlProjection({ bus, mysql, redis, log });
    closers.push(closeProjection);
    const { relay, close: closeRelay } = startRelay({ redis, bus, projection, log });
    closers.push(closeRelay);
    const { revocations, close: closeRevocations } = await openRevocations({ ...config, redis, mysql, gate, log });
    closers.push(closeRevocations);
    const reconcileNow = () => reconcile({ redis, mysql, relay, log });
    const { fence, close: closeFence } = await openFence({ redis, gate, reconcile: reconcileNow, log });
    closers.push(closeFence);

    const passwords = await createPasswords(config.argon2);
    const auth = createAuth(config.jwtSecret, config.tokenTtlSeconds, revocations.isRevoked);
    const app = createApp({ redis, mysql, bus, gate, fence, auth, passwords, revocations, log });
    const { server, close: closeHttp } = await listen(createServer(app.callback()), config);
    closers.push(closeHttp);
    const { address, family, port } = server.address() as AddressInfo;
    return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, close: closers.closeAll };
  } catch (error) {
    await closers.closeAll();
    throw error;
  }
}

async function listen(server: Server, { host, port }: ServerConfig): Promise<{ server: Server; close: Closer }> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const setting = error.code === 'EADDRINUSE' || error.code === 'EACCES' ? `PORT: ${port}` : `HOST: ${host}`;
      reject(new ConfigError(`${setting} can't be listened on: ${error.message}`));
    });
    server.listen({ host, port }, resolve);
  });
  const close = async () => {
    const ended = new Promise((resolve) => server.close(resolve));
    // A connection that is kept alive ends with the answer that is under way on it.
    server.prependListener('request', (_request, response) => response.setHeader('Connection', 'close'));
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
    await ended;
    clearTimeout(cut);
  };
  return { server, close };
}
