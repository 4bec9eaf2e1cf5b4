import Router from '@koa/router';
import type { Middleware } from 'koa';
import type { System } from '../system.ts';
import { Unavailable } from '../unavailable.ts';
import type { Auth } from './auth.ts';
import { addChangeRoutes } from './changes/changeRoutes.ts';
import { addCreationRoute } from './changes/creationRoute.ts';
import { addPieceRoutes } from './changes/pieceRoutes.ts';
import { addConsoleRoutes } from './consoleRoutes.ts';
import { respondWith } from './errors.ts';
import { GRAB_ROUTE } from './grab.ts';
import { addListRoutes } from './lists/listRoutes.ts';
import { docsFiles } from './openapi/docsFiles.ts';
import { serveStaticFiles } from './staticFiles.ts';
import { addUserRoutes } from './users/userRoutes.ts';

/** `grab` and `list` answer the grabs and the lists of coupons that reach the router. */
export function createRoutes(
  system: System,
  auth: Auth,
  { grab, list }: { grab: Middleware; list: Middleware },
): Router {
  const router = new Router();

  addUserRoutes(router, system, auth);
  addCreationRoute(router, system, auth);
  router.patch(GRAB_ROUTE, grab);

  addListRoutes(router, system, auth, list);
  addChangeRoutes(router, system, auth);
  addPieceRoutes(router, system, auth);
  addConsoleRoutes(router, system, auth);
  addOperatorRoutes(router, system);

  const docs = serveStaticFiles(docsFiles);
  for (const path of ['/openapi.json', '/docs', '/docs/:file']) router.get(path, docs);

  return router;
}

function addOperatorRoutes(router: Router, { metrics, gate, outboxLimit, redis, fence, mysql }: System): void {
  router.get('/healthz', (ctx) => respondWith(ctx, { status: 200, body: { errMsg: '' } }));

  router.get('/readyz', async (ctx) => {
    gate.mustBeOpen();
    outboxLimit.mustHaveRoom();
    await redis.ping().catch(() => Promise.reject(new Unavailable('Redis does not reply')));
    await fence.mustStand();
    await mysql
      .raw('SELECT 1')
      .timeout(2_000)
      .catch(() => Promise.reject(new Unavailable('MySQL does not reply')));
    respondWith(ctx, { status: 200, body: { errMsg: '' } });
  });

  router.get('/metrics', async (ctx) => {
    ctx.body = await metrics.text();
    ctx.set('Content-Type', metrics.contentType);
  });
}
