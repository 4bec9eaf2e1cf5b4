import { createAuth } from './auth.ts';
import type { ServerConfig } from './config.ts';
import { createBus } from './infra/bus.ts';
import { openAll } from './infra/closers.ts';
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
import type { RouteDeps } from './routes.ts';

/**
 * Opens all that stands behind HTTP, top to bottom: stores, projections, reconcile. It takes grabs when this resolves. Closing
 * goes the other way round, so that what was decided is applied first.
 */
export const openSystem = (config: ServerConfig, log: Log) =>
  openAll(async (remember) => {
    const { mysql, close: closeMysql } = await openMysql(config.mysqlUrl);
    remember(closeMysql);
    const { redis, close: closeRedis } = await openRedis(config.redisUrl, log);
    remember(closeRedis);
    await loadScripts(redis);

    const gate = createGate(log);
    const bus = createBus();
    bus.inline(({ events }) => projectToViews(redis, events));
    const { projection, close: closeProjection } = startMysqlProjection({ bus, mysql, redis, log });
    remember(closeProjection);
    const { relay, close: closeRelay } = startRelay({ redis, bus, projection, log });
    remember(closeRelay);
    const { revocations, close: closeRevocations } = await openRevocations({ ...config, redis, mysql, gate, log });
    remember(closeRevocations);
    const reconcileNow = () => reconcile({ redis, mysql, relay, log });
    const { fence, close: closeFence } = await openFence({ redis, gate, reconcile: reconcileNow, log });
    remember(closeFence);

    const passwords = await createPasswords(config.argon2);
    const auth = createAuth(config.jwtSecret, config.tokenTtlSeconds, revocations.isRevoked);
    const system: RouteDeps = { redis, mysql, bus, gate, fence, auth, passwords, revocations, log };
    return { system };
  });
