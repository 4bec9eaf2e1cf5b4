import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { logIn } from '../commands/logIn.ts';
import { logOut } from '../commands/logOut.ts';
import { registerUser } from '../commands/registerUser.ts';
import type { System } from '../system.ts';
import { Unavailable } from '../unavailable.ts';
import { type Auth, claimsOf } from './auth.ts';
import { addChangeRoutes } from './changes/changeRoutes.ts';
import { addCreationRoute } from './changes/creationRoute.ts';
import { addPieceRoutes } from './changes/pieceRoutes.ts';
import { addConsoleRoutes } from './consoleRoutes.ts';
import { refusals, respondWith } from './errors.ts';
import { GRAB_ROUTE } from './grab.ts';
import { addListRoutes } from './lists/listRoutes.ts';
import { docsFiles } from './openapi/docsFiles.ts';
import { readBody, readOptionalBody } from './readRequest.ts';
import { logInBody, registerUserBody } from './requests.ts';
import { serveStaticFiles } from './staticFiles.ts';

/** `grab` and `list` answer the grabs and the lists of coupons that reach the router. */
export function createRoutes(
  system: System,
  auth: Auth,
  { grab, list }: { grab: Middleware; list: Middleware },
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

const created = (ctx: Context) => respondWith(ctx, { status: 201, body: { errMsg: '' } });
