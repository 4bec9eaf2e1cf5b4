import type { DecisionDeps } from './commands/decision.ts';
import { createGrabLine } from './commands/grabLine.ts';
import type { ServerConfig } from './config.ts';
import { createAuth } from './http/auth.ts';
import type { RouteDeps } from './http/routes.ts';
import { createBus } from './infra/bus.ts';
import { openAll } from './infra/closers.ts';
import { openFence } from './infra/fence.ts';
import { createGate } from './infra/gate.ts';
import { openLease } from './infra/lease.ts';
import { openOutboxLimit } from './infra/outboxLimit.ts';
import { createPasswords } from './infra/passwords.ts';
import { openRevocations } from './infra/revocations.ts';
import { loadScripts } from './infra/scripts.ts';
import { openMysql } from './infra/stores/mysql.ts';
import { openRedis } from './infra/stores/redis.ts';
import { openRedisClock } from './infra/stores/redisClock.ts';
import { createRedisSafety } from './infra/stores/redisSafety.ts';
import { createBatchWatch } from './infra/telemetry/batchWatch.ts';
import type { Log } from './infra/telemetry/log.ts';
import { openMetrics } from './infra/telemetry/metrics.ts';
import { countMysqlErrors, countRedisErrors } from './infra/telemetry/storeErrors.ts';
import { registerStoreMetrics } from './infra/telemetry/storeMetrics.ts';
import { openTracing } from './infra/telemetry/tracing.ts';
import { openLive } from './live/live.ts';
import { startMysqlProjection } from './projections/mysqlWriter.ts';
import { ensureReconciled } from './projections/recovery/reconcile.ts';
import { projectToViews } from './projections/redisViews.ts';
import { startRelay } from './projections/relay.ts';
import { createCouponTerms } from './queries/couponTerms.ts';
import { openRehearsals } from './rehearsal/rehearsals.ts';

/**
 * Opens all that stands behind HTTP, top to bottom: stores, projections, reconcile. It takes grabs when this resolves. Closing
 * goes the other way round, so that what was decided is applied first.
 */
export const openSystem = (config: ServerConfig, log: Log) =>
  openAll(async (remember) => {
    const { tracing, close: closeTracing } = await openTracing(config.otel, log);
    remember(closeTracing);
    const { metrics, close: closeMetrics } = openMetrics(config);
    remember(closeMetrics);
    const { mysql, close: closeMysql } = await openMysql(config.mysqlUrl);
    remember(closeMysql);
    const { redis, close: closeRedis } = await openRedis(config.redisUrl, log);
    remember(closeRedis);
    countMysqlErrors(mysql, metrics);
    countRedisErrors(redis, metrics);
    await loadScripts(redis);

    const { clock, close: closeClock } = await openRedisClock({ redis, log });
    remember(closeClock);
    const watch = createBatchWatch({ metrics, tracing, clock });
    const gate = createGate(log);
    const bus = createBus();
    bus.inline(({ events }) => projectToViews(redis, events));
    // Before the projection, so that it is given up after what is queued was applied.
    const { lease, close: closeLease } = openLease(config.mysqlUrl, log);
    remember(closeLease);
    const { projection, close: closeProjection } = startMysqlProjection({ bus, mysql, redis, watch, log });
    remember(closeProjection);
    const { relay, close: closeRelay } = startRelay({ redis, bus, projection, log });
    remember(closeRelay);
    const { revocations, close: closeRevocations } = await openRevocations({ ...config, redis, mysql, gate, log });
    remember(closeRevocations);
    const safety = createRedisSafety({ ...config, redis, log });
    const reconciled = async () => {
      await safety.mustBeSafe();
      const started = performance.now();
      await ensureReconciled({ redis, mysql, clock, lease, projection, relay, log });
      metrics.reconciled((performance.now() - started) / 1_000);
    };
    const { fence, close: closeFence } = await openFence({ redis, gate, reconciled, log });
    remember(closeFence);
    const { outboxLimit, close: closeOutboxLimit } = openOutboxLimit({ redis, entries: config.outboxLimit, log });
    remember(closeOutboxLimit);

    const { live, close: closeLive } = await openLive({ ...config, redis, bus, gate, log });
    remember(closeLive);
    const { rehearsals, close: closeRehearsals } = openRehearsals({ ...config, redis, live, log });
    remember(closeRehearsals);

    const passwords = await createPasswords(config.argon2);
    const auth = createAuth(config.jwtSecret, config.tokenTtlSeconds, revocations.isRevoked);
    registerStoreMetrics(metrics.register, { redis, gate, outboxLimit, safety, live });
    const decision: DecisionDeps = { redis, clock, bus, gate, fence, outboxLimit, watch, log };
    const grabLine = createGrabLine(decision);
    const couponTerms = createCouponTerms({ redis, gate });
    const system: RouteDeps = {
      ...decision,
      grabLine,
      couponTerms,
      mysql,
      auth,
      passwords,
      revocations,
      metrics,
      tracing,
      live,
      rehearsals,
    };
    return { system };
  });
