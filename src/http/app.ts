import Koa, { type Middleware } from 'koa';
import { consoleFiles } from './consoleFiles.ts';
import { answerErrors, malformedPath } from './errors.ts';
import { hotGrab } from './grab.ts';
import { observeRequests } from './observeRequests.ts';
import { createRoutes, type RouteDeps } from './routes.ts';
import { serveStaticFiles } from './staticFiles.ts';

/** The HTTP front: who looks on, one boundary for errors, then the console's files and the routes. Opens nothing and listens nowhere. */
export function createApp(deps: RouteDeps): Koa {
  const app = new Koa();
  const routes = createRoutes(deps);
  app.on('error', (err) => deps.log.error({ err }, 'a response could not be sent'));
  app.use(observeRequests(deps));
  app.use(answerErrors);
  app.use(hotGrab(deps));
  app.use(serveStaticFiles(consoleFiles()));
  app.use(refuseMalformedPath);
  app.use(routes.routes());
  app.use(routes.allowedMethods());
  return app;
}

/** Names stand percent-encoded in paths; what is no UTF-8 names nobody, and the router would pass it on as it is. */
const refuseMalformedPath: Middleware = (ctx, next) => {
  try {
    decodeURIComponent(ctx.path);
  } catch {
    throw malformedPath();
  }
  return next();
};
