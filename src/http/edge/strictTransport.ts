import type { Middleware } from 'koa';
import { createArrivedByTls, type ProxySettings } from '../../infra/limits/clientAddress.ts';

/** Lets browsers use only TLS for this host. RFC 6797 allows the header only in answers to requests that came by TLS. */
export function strictTransport(seconds: number, proxy: ProxySettings): Middleware {
  const arrivedByTls = createArrivedByTls(proxy);
  return (ctx, next) => {
    if (arrivedByTls(ctx.req)) ctx.set('Strict-Transport-Security', `max-age=${seconds}`);
    return next();
  };
}
