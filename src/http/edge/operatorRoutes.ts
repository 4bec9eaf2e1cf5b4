import type Router from '@koa/router';
import type { System } from '../../system.ts';
import { Unavailable } from '../../unavailable.ts';
import { respondWith } from '../errors.ts';

/** On every port: it depends on nothing but the process. */
export function addHealthRoute(router: Router): void {
  router.get('/healthz', (ctx) => respondWith(ctx, { status: 200, body: { errMsg: '' } }));
}

/** On the port of operators where there is one: these routes ask the stores, and say much about the system. */
export function addOperatorRoutes(
  router: Router,
  { metrics, gate, outboxLimit, shards, redis, fence, mysql }: System,
): void {
  router.get('/readyz', async (ctx) => {
    gate.mustBeOpen();
    outboxLimit.mustHaveRoom();
    shards.mustBeEnoughReplicas();
    await redis.ping().catch(() => Promise.reject(new Unavailable('Redis does not reply')));
    await fence.mustStand();
    // A table, since a node of Galera without a majority answers `SELECT 1`.
    await mysql
      .raw('SELECT id FROM lease')
      .timeout(2_000)
      .catch(() => Promise.reject(new Unavailable('MySQL does not reply')));
    const shut = shards.shutPartitions();
    const body =
      shut.length === 0
        ? { errMsg: '' as const }
        : { errMsg: '' as const, shutPartitions: [...shut], why: gate.reason() };
    respondWith(ctx, { status: 200, body });
  });

  router.get('/metrics', async (ctx) => {
    ctx.body = await metrics.text();
    ctx.set('Content-Type', metrics.contentType);
  });
}
