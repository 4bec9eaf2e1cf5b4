import { type Batches, openBatches } from './commands/batches/finishBatches.ts';
import type { DecisionDeps } from './commands/decision.ts';
import { createGrabLine, type GrabLine } from './commands/grabLine.ts';
import { findOlderClaims, NO_OLDER_CLAIMS } from './commands/olderClaims.ts';
import type { ServerConfig } from './config.ts';
import { createBus } from './infra/bus.ts';
import { type Closer, openAll } from './infra/closers.ts';
import { openNodes } from './infra/failover/nodes.ts';
import { PARTITIONS } from './infra/keys.ts';
import { type AttemptLimits, createAttemptLimits } from './infra/limits/attemptLimits.ts';
import { type ClientAddress, createClientAddress } from './infra/limits/clientAddress.ts';
import { createRequestLimits, type RequestLimits } from './infra/limits/requestLimits.ts';
import { openOutboxLimit } from './infra/outboxLimit.ts';
import { openPasswords, type Passwords } from './infra/passwords/passwords.ts';
import { openTokens } from './infra/provider/openTokens.ts';
import { openRevocations, type Revocations } from './infra/revocations/revocations.ts';
import { defineScripts } from './infra/scripts.ts';
import { createServiceTokens, type FindService } from './infra/serviceTokens.ts';
import { createShards, type Shards } from './infra/shards/shards.ts';
import { missingGuard } from './infra/stores/eventLogGuard.ts';
import type { Mysql } from './infra/stores/mysql.ts';
import { type MysqlReads, openMysqlReads } from './infra/stores/mysqlReads.ts';
import { openMysql } from './infra/stores/openMysql.ts';
import { openRedis } from './infra/stores/redis.ts';
import type { RedisClock } from './infra/stores/redisClock.ts';
import { createBatchWatch } from './infra/telemetry/batchWatch.ts';
import type { Log } from './infra/telemetry/log.ts';
import { type Metrics, openMetrics } from './infra/telemetry/metrics.ts';
import { createNewerReleases } from './infra/telemetry/newerReleases.ts';
import { countMysqlErrors, countRedisErrors } from './infra/telemetry/storeErrors.ts';
import { registerStoreMetrics } from './infra/telemetry/storeMetrics.ts';
import { openTracing, type Tracing } from './infra/telemetry/tracing.ts';
import type { Tokens } from './infra/tokens.ts';
import { type Live, openLive } from './live/live.ts';
import { registerRefusedStreams } from './live/streamPlaces.ts';
import { type Operators, openOperators } from './operators/openOperators.ts';
import { openProcessReports } from './operators/processReports.ts';
import { createReconcileWatch } from './operators/reconcileWatch.ts';
import { startMysqlWriter } from './projections/mysqlWriter.ts';
import { ensureReconciled } from './projections/recovery/reconcile.ts';
import { startRelay } from './projections/relay.ts';
import { type CouponTerms, createCouponTerms } from './queries/couponTerms.ts';
import { createLogProgress, type LogProgress } from './queries/logProgress.ts';
import { createSellerPages, type SellerPages } from './queries/sellers/sellerPages.ts';
import { createUserKinds, type UserKinds } from './queries/userKinds.ts';
import { openRehearsals, type Rehearsals } from './rehearsal/rehearsals.ts';
import { subscribeProjections } from './subscribeProjections.ts';
import { type Feed, openFeed } from './subscribers/feed.ts';
import { openHorizon } from './subscribers/horizon.ts';
import { openSubscription } from './subscribers/openSubscriptions.ts';
import { registerSubscriptions } from './subscribers/subscriptionMetrics.ts';
import { openWebhooks, type Webhooks } from './webhooks/openWebhooks.ts';
import { registerWebhooks } from './webhooks/webhookMetrics.ts';

/** The dependencies of the routes. */
export interface System extends DecisionDeps {
  grabLine: GrabLine;
  batches: Batches;
  couponTerms: CouponTerms;
  sellerPages: SellerPages;
  userKinds: UserKinds;
  shards: Shards;
  /** That of a Redis that is open, for times that are only shown. */
  clock: RedisClock;
  mysql: Mysql;
  reads: MysqlReads;
  logProgress: LogProgress;
  tokens: Tokens;
  /** Whether users can register and log in here. */
  localAccounts: boolean;
  passwords: Passwords;
  attemptLimits: AttemptLimits;
  clientAddress: ClientAddress;
  requestLimits: RequestLimits;
  revocations: Revocations;
  metrics: Metrics;
  tracing: Tracing;
  live: Live;
  rehearsals: Rehearsals;
  findService: FindService;
  feed: Feed;
  operators: Operators;
  /** Undefined when there is no key to encrypt their secrets, or when the settings allow no webhooks. */
  webhooks: Webhooks | undefined;
}

/**
 * Opens everything behind HTTP, top to bottom: stores, projections, reconcile. The system takes grabs when this resolves. Closing
 * runs in reverse, so that what was decided is applied before the stores close.
 */
export const openSystem = (config: ServerConfig, log: Log) =>
  openAll(async (remember) => {
    const { tracing, close: closeTracing } = await openTracing(config.otel, log);
    remember(closeTracing);
    const { metrics, close: closeMetrics } = openMetrics(config);
    remember(closeMetrics);
    // Every pool of the process opens its connections to the same host of MYSQL_URL.
    const { nodes: mysqlUrl, close: closeNodes } = openNodes(config.mysqlUrl, { log });
    remember(closeNodes);
    const { mysql, guard, close: closeMysql } = await openMysql(config.mysqlUrl, config.mysqlOwnerUrl, mysqlUrl);
    remember(closeMysql);
    const unguarded = missingGuard(guard);
    if (unguarded !== undefined) log.warn(unguarded);
    const { reads, close: closeReads } = openMysqlReads({ mysqlUrl, log });
    remember(closeReads);
    const { masters, redis: everywhere, close: closeRedis } = await openRedis(config.redisUrl, log);
    remember(closeRedis);
    countMysqlErrors(mysql, metrics);
    countMysqlErrors(reads.mysql, metrics);
    const { shards, open: openShards, close: closeShards, release } = createShards({ masters, redis: everywhere, log });
    const { redis, gate, clock } = shards;
    // On a Redis Cluster, commands through the shards are refused while the gate of their shard is shut. Those of projections and of
    // the recovery are not.
    for (const client of new Set([redis, everywhere])) {
      countRedisErrors(client, metrics);
      defineScripts(client);
    }
    const watch = createBatchWatch({ metrics, tracing, clock });
    const newerReleases = createNewerReleases(log);
    const { revocations, close: closeRevocations } = await openRevocations({
      ...{ ...config, redis, mysql, log },
      connect: masters.connectAnywhere,
      servers: shards.all,
    });
    remember(closeRevocations);
    const { live, close: closeLive } = await openLive({
      ...{ ...config, redis, mysql, gate, clock, log },
      connect: masters.connectAnywhere,
      upToDate: revocations.upToDate,
    });
    remember(closeLive);
    // Before the writer, so that the leases are released after the writer has applied its queue.
    remember(release);
    const { writer, close: closeWriter } = startMysqlWriter({
      ...{ mysql, redis: everywhere, gate, watch, newerReleases, log },
      viewsConfirmed: shards.confirmed,
    });
    remember(closeWriter);
    const bus = createBus();
    subscribeProjections(bus, { redis: everywhere, isSingle: masters.isSingle, shards, writer, live });
    const { relay, close: closeRelay } = startRelay({
      ...{ redis: everywhere, bus, writer, newerReleases, log },
      isWhole: shards.areWhole,
    });
    remember(closeRelay);
    const reconcileWatch = createReconcileWatch();
    // Before the first reconcile, which may take minutes: other processes show its progress.
    const { reports, close: closeReports } = openProcessReports({ ...config, redis, clock, gate, reconcileWatch, log });
    remember(closeReports);
    const olderClaims = masters.isSingle ? await findOlderClaims(everywhere) : NO_OLDER_CLAIMS;
    remember(closeShards);
    await openShards({
      ...{ ...config, mysqlUrl, log, applied: writer.idle },
      reconciled: (shard) =>
        reconcileWatch.attempt(async () => {
          const started = performance.now();
          const deps = { ...shard, everywhere, mysql, writer, relay, newerReleases, log };
          const replication = await ensureReconciled({ ...deps, reporter: reconcileWatch });
          shard.replicas.reconciled(replication);
          await revocations.reconciled(shard, replication);
          metrics.reconciled((performance.now() - started) / 1_000);
        }),
    });
    const { outboxLimit, close: closeOutboxLimit } = openOutboxLimit({ redis, entries: config.outboxLimit, log });
    remember(closeOutboxLimit);
    const { passwords, close: closePasswords } = await openPasswords({ ...config.argon2, workers: config.workers });
    remember(closePasswords);
    const { rehearsals, close: closeRehearsals } = openRehearsals({ ...config, redis, live, log });
    remember(closeRehearsals);
    const { horizon, close: closeHorizon } = openHorizon(mysqlUrl, log);
    remember(closeHorizon);
    const { feed, close: closeFeed } = openFeed({ mysqlUrl }, { horizon, newerReleases, log });
    remember(closeFeed);
    const watchOf = registerSubscriptions(metrics.register, ['nats', 'kafka']);
    const { nats, kafka } = config;
    const subscriptionDeps = { mysqlUrl, horizon, watchOf, newerReleases, log };
    if (nats !== undefined) {
      // Loaded only where it is used: every process would keep the library in memory.
      const { openNatsReceiver } = await import('./subscribers/natsReceiver.ts');
      remember((await openSubscription('nats', () => openNatsReceiver(nats), subscriptionDeps)).close);
    }
    if (kafka !== undefined) {
      const { openKafkaReceiver } = await import('./subscribers/kafkaReceiver.ts');
      remember((await openSubscription('kafka', () => openKafkaReceiver(kafka), subscriptionDeps)).close);
    }
    const { webhooks, close: closeWebhooks } = await openWebhooksOf(config, {
      mysqlUrl,
      horizon,
      watch: registerWebhooks(metrics.register),
      log,
    });
    remember(closeWebhooks);

    const { operators, close: closeOperators } = await openOperators(
      { ...config, mysqlUrl },
      { redis: everywhere, shards, reports, log },
    );
    remember(closeOperators);
    registerStoreMetrics(metrics.register, {
      ...{ redis, gate, outboxLimit, newerReleases },
      openPartitions: () => PARTITIONS - shards.shutPartitions().length,
      areReplicasEnough: () => shards.all().every(({ replicas }) => replicas.areEnough()),
      isUnsafe: () => shards.all().some(({ safety }) => safety.isUnsafe()),
      listeners: live.listeners,
    });
    registerRefusedStreams(metrics.register, live.refusedStreams);
    const { quotas } = config;
    const decision: DecisionDeps = {
      redis,
      shardOf: shards.of,
      isSingle: masters.isSingle,
      bus,
      gate,
      fence: shards.fence,
      outboxLimit,
      watch,
      quotas,
      olderClaims,
      newerReleases,
      log,
    };
    const grabLine = createGrabLine(decision);
    const { batches, close: closeBatches } = openBatches(decision);
    remember(closeBatches);
    for (const type of endingRefusals)
      bus.on(type, (...[{ events }]) => {
        for (const { coupon } of events) grabLine.forgetRefusals(coupon);
      });
    const userKinds = createUserKinds({ redis, gate, log });
    const { tokens, close: closeTokens } = await openTokens(config, {
      mysql,
      isRevoked: revocations.isRevoked,
      noteSeller: userKinds.noteSeller,
      log,
    });
    remember(closeTokens);
    const couponTerms = createCouponTerms({ redis, gate });
    for (const type of changingLists) bus.on(type, couponTerms.forget);
    const system: System = {
      ...decision,
      shards,
      clock,
      grabLine,
      batches,
      couponTerms,
      sellerPages: createSellerPages({ redis, gate }),
      userKinds,
      mysql,
      reads,
      logProgress: createLogProgress({ reads }),
      tokens,
      localAccounts: config.localAccounts,
      passwords,
      attemptLimits: createAttemptLimits({ ...config, redis, log }),
      clientAddress: createClientAddress(config.proxy, (peer) =>
        log.warn(
          { peer },
          'a request has X-Forwarded-For or Forwarded, but TRUST_PROXY is not set: behind a proxy, all clients would share the limits of one address',
        ),
      ),
      requestLimits: createRequestLimits(config.requestLimits),
      revocations,
      metrics,
      tracing,
      live,
      rehearsals,
      findService: createServiceTokens(config.serviceTokens),
      feed,
      operators,
      webhooks,
    };
    return { system };
  });

async function openWebhooksOf(
  { webhooks: settings, jwtSecret, serviceTokens }: ServerConfig,
  deps: Parameters<typeof openWebhooks>[1],
): Promise<{ webhooks: Webhooks | undefined; close: Closer }> {
  const key = settings.key ?? jwtSecret;
  if (key === undefined || (settings.perSeller === 0 && serviceTokens === undefined))
    return { webhooks: undefined, close() {} };
  return openWebhooks({ ...settings, key }, deps);
}

/** After these events a customer who was refused may get a piece. */
const endingRefusals = ['CouponCreated', 'GrabReleased', 'CouponRestocked', 'CouponResumed', 'TermsChanged'] as const;

/** These events change what is remembered of a coupon for the lists of customers. */
const changingLists = ['CouponRedeemed', 'TermsChanged'] as const;
