import { METHODS } from 'node:http';
import Router from '@koa/router';
import Koa, { type Middleware } from 'koa';
import type { ProxySettings } from '../infra/limits/clientAddress.ts';
import type { System } from '../system.ts';
import { createAuth } from './auth.ts';
import { consoleFiles, operatorFiles } from './consoleFiles.ts';
import { allowOrigins } from './edge/crossOrigin.ts';
import { addHealthRoute, addOperatorRoutes } from './edge/operatorRoutes.ts';
import { admitUsers, limitAddresses } from './edge/requestLimits.ts';
import { strictTransport } from './edge/strictTransport.ts';
import { answerErrors, malformedPath } from './errors.ts';
import { createGrabHandlers } from './grab.ts';
import { createListHandlers } from './lists/couponList.ts';
import { observeRequests } from './observeRequests.ts';
import { addOperatorApi } from './operators/operatorRoutes.ts';
import { createRoutes } from './routes.ts';
import { serveStaticFiles } from './staticFiles.ts';

export interface AppSettings {
  /** The origins whose pages may use the API, besides the console's own. */
  corsOrigins?: readonly string[];
  /** The value of Strict-Transport-Security; 0: none. */
  hstsSeconds?: number;
  /** The proxies that report whether a request came by TLS. */
  proxy?: ProxySettings;
  /** The port of the routes of operators; undefined: the same as all routes. */
  opsPort?: number | undefined;
}

/** The Koa app, from the outermost middleware to the routes. It opens no resource and does not listen on a port. */
export function createApp(system: System, settings: AppSettings = {}): Koa {
  const { corsOrigins = [], hstsSeconds = 0, proxy, opsPort } = settings;
  const app = newApp(system);
  const auth = createAuth(system.tokens, admitUsers(system), system.revocations.upToDate);
  const grab = createGrabHandlers(system, auth);
  const list = createListHandlers(system, auth);
  const routes = createRoutes(system, auth, { grab: grab.route, list: list.route }, opsPort !== undefined);
  // Without these settings, no request pays for them.
  if (hstsSeconds > 0 && proxy !== undefined) app.use(strictTransport(hstsSeconds, proxy));
  if (corsOrigins.length > 0) app.use(allowOrigins(corsOrigins));
  if (system.requestLimits.hasAddressLimit) app.use(limitAddresses(system));
  app.use(grab.beforeRouter);
  app.use(list.beforeRouter);
  app.use(serveStaticFiles(opsPort === undefined ? { ...consoleFiles(), ...operatorFiles() } : consoleFiles()));
  app.use(refuseMalformedPath);
  app.use(routes.routes());
  app.use(routes.allowedMethods());
  return app;
}

/** The app of the port of operators. */
export function createOperatorApp(system: System): Koa {
  const app = newApp(system);
  const router = new Router({ methods: METHODS });
  addHealthRoute(router);
  addOperatorRoutes(router, system);
  addOperatorApi(router, system);
  app.use(serveStaticFiles(operatorFiles()));
  app.use(refuseMalformedPath);
  app.use(router.routes());
  app.use(router.allowedMethods());
  return app;
}

/** An app that observes its requests and answers every error. */
function newApp(system: System): Koa {
  const app = new Koa();
  app.on('error', (err) => system.log[hasLeft(err) ? 'debug' : 'error']({ err }, 'sending a response failed'));
  app.use(observeRequests(system));
  app.use(answerErrors);
  return app;
}

/** Clients that break off are no failure of the server. ETIMEDOUT: the network of the client is gone. */
const hasLeft = ({ code = '' }: NodeJS.ErrnoException) => ['ECONNRESET', 'EPIPE', 'ETIMEDOUT'].includes(code);

/** 400 for a path whose percent-encoding is not UTF-8. Without this check, the router would pass such a name on undecoded. */
const refuseMalformedPath: Middleware = (ctx, next) => {
  try {
    decodeURIComponent(ctx.path);
  } catch {
    throw malformedPath();
  }
  return next();
};
