import { METHODS } from 'node:http';
import Router from '@koa/router';
import type { Middleware } from 'koa';
import type { System } from '../system.ts';
import type { Auth } from './auth.ts';
import { addChangeRoutes } from './changes/changeRoutes.ts';
import { addCreationRoute } from './changes/creationRoute.ts';
import { addPieceRoutes } from './changes/pieceRoutes.ts';
import { addConsoleRoutes } from './consoleRoutes.ts';
import { addHealthRoute, addOperatorRoutes } from './edge/operatorRoutes.ts';
import { addEventRoutes } from './events/eventRoutes.ts';
import { GRAB_ROUTE } from './grab.ts';
import { addListRoutes } from './lists/listRoutes.ts';
import { docsFiles } from './openapi/docsFiles.ts';
import { addOperatorApi } from './operators/operatorRoutes.ts';
import { serveStaticFiles } from './staticFiles.ts';
import { addUserRoutes } from './users/userRoutes.ts';
import { addWebhookRoutes } from './webhooks/webhookRoutes.ts';

/**
 * `grab` and `list` answer the grabs and the lists of coupons that reach the router. `operatorsApart`: another port has the routes of
 * operators.
 */
export function createRoutes(
  system: System,
  auth: Auth,
  { grab, list }: { grab: Middleware; list: Middleware },
  operatorsApart = false,
): Router {
  // The router answers 501 to other methods, which would be a fault of the server.
  const router = new Router({ methods: METHODS });

  addUserRoutes(router, system, auth);
  addCreationRoute(router, system, auth);
  router.patch(GRAB_ROUTE, grab);

  addListRoutes(router, system, auth, list);
  addChangeRoutes(router, system, auth);
  addPieceRoutes(router, system, auth);
  addConsoleRoutes(router, system, auth);
  addEventRoutes(router, system);
  addWebhookRoutes(router, system, auth);
  addHealthRoute(router);
  if (!operatorsApart) {
    addOperatorRoutes(router, system);
    addOperatorApi(router, system);
  }

  const docs = serveStaticFiles(docsFiles);
  for (const path of ['/openapi.json', '/asyncapi.json', '/docs', '/docs/:file']) router.get(path, docs);

  return router;
}
