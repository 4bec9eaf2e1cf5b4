import Koa, { type Middleware } from 'koa';
import type { System } from '../system.ts';
import { createAuth } from './auth.ts';
import { consoleFiles } from './consoleFiles.ts';
import { answerErrors, malformedPath } from './errors.ts';
import { createGrabHandlers } from './grab.ts';
import { observeRequests } from './observeRequests.ts';
import { createRoutes } from './routes.ts';
import { serveStaticFiles } from './staticFiles.ts';

/** The HTTP front, from the outermost middleware to the routes. Opens nothing and listens nowhere. */
export function createApp(system: System): Koa {
  const app = new Koa();
  const auth = createAuth(system.tokens);
  const grab = createGrabHandlers(system, auth);
  const routes = createRoutes(system, auth, grab.route);
  app.on('error', (err) => system.log.error({ err }, 'a response could not be sent'));
  app.use(observeRequests(system));
  app.use(answerErrors);
  app.use(grab.beforeRouter);
  app.use(serveStaticFiles(consoleFiles()));
  app.use(refuseMalformedPath);
  app.use(routes.routes());
  app.use(routes.allowedMethods());
  return app;
}

/** Names stand percent-encoded in paths. The router would pass a name that is not UTF-8 on as it is. */
const refuseMalformedPath: Middleware = (ctx, next) => {
  try {
    decodeURIComponent(ctx.path);
  } catch {
    throw malformedPath();
  }
  return next();
};
