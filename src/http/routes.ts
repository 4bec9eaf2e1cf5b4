import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { logIn } from '../commands/logIn.ts';
import { logOut } from '../commands/logOut.ts';
import { registerUser } from '../commands/registerUser.ts';
import type { System } from '../system.ts';
import { type Auth, claimsOf } from './auth.ts';
import { addChangeRoutes } from './changes/changeRoutes.ts';
import { addCreationRoute } from './changes/creationRoute.ts';
import { addPieceRoutes } from './changes/pieceRoutes.ts';
import { addConsoleRoutes } from './consoleRoutes.ts';
import { addHealthRoute, addOperatorRoutes } from './edge/operatorRoutes.ts';
import { refusals, respondWith } from './errors.ts';
import { GRAB_ROUTE } from './grab.ts';
import { addListRoutes } from './lists/listRoutes.ts';
import { docsFiles } from './openapi/docsFiles.ts';
import { readBody, readOptionalBody } from './readRequest.ts';
import { logInBody, registerUserBody } from './requests.ts';
import { serveStaticFiles } from './staticFiles.ts';

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
  const router = new Router();

  router.post('/api/users', async (ctx) => {
    const command = registerUserBody.parse(await readBody(ctx));
    const result = await registerUser(system, command);
    if (result === 'registered') created(ctx);
    else respondWith(ctx, refusals[result]);
  });

  router.post('/api/auth', async (ctx) => {
    const result = await logIn(system, logInBody.parse(await readBody(ctx)));
    if (result === 'wrong-credentials') return respondWith(ctx, refusals[result]);
    ctx.set('Authorization', result.token);
    respondWith(ctx, { status: 200, body: { kind: result.kind, errMsg: '' } });
  });

  router.post('/api/auth/logout', auth.optional, async (ctx) => {
    await readOptionalBody(ctx);
    await logOut(system, claimsOf(ctx));
    respondWith(ctx, { status: 200, body: { errMsg: 'log out.' } });
  });

  addCreationRoute(router, system, auth);
  router.patch(GRAB_ROUTE, grab);

  addListRoutes(router, system, auth, list);
  addChangeRoutes(router, system, auth);
  addPieceRoutes(router, system, auth);
  addConsoleRoutes(router, system, auth);
  addHealthRoute(router);
  if (!operatorsApart) addOperatorRoutes(router, system);

  const docs = serveStaticFiles(docsFiles);
  for (const path of ['/openapi.json', '/docs', '/docs/:file']) router.get(path, docs);

  return router;
}

const created = (ctx: Context) => respondWith(ctx, { status: 201, body: { errMsg: '' } });
