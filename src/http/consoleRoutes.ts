import type Router from '@koa/router';
import { keys } from '../infra/keys.ts';
import type { System } from '../system.ts';
import { type Auth, requireClaims } from './auth.ts';
import { plainProblem, refusals, respondWith } from './errors.ts';
import { readBody } from './readRequest.ts';
import { liveQuery, rehearsalBody } from './requests.ts';

/** What the console asks for beside what every client may. */
export function addConsoleRoutes(
  router: Router,
  { gate, redis, fence, revocations, live, rehearsals }: System,
  auth: Auth,
) {
  // With the token in its header like everything else, which fetch can send and EventSource can't: a token in a URL ends up in logs.
  router.get('/api/live', auth.required, async (ctx) => {
    const claims = requireClaims(ctx);
    const { seller } = liveQuery.parse(ctx.query);
    gate.mustBeOpen();
    const kind = await redis.get(keys.userView(seller));
    if (kind === null) await fence.mustStand();
    if (kind !== 'seller') return respondWith(ctx, refusals['no-such-user']);
    const mayListen = () => claims.exp * 1_000 > Date.now() && !revocations.isRevoked(claims.jti);
    // Of one who leaves before the first event as well.
    ctx.status = 200;
    // Of a stream there are no headers without the first event.
    if (ctx.method === 'HEAD') {
      ctx.type = 'text/event-stream';
      return;
    }
    await live.listen(seller, ctx.res, mayListen);
    ctx.respond = false;
  });

  router.post('/api/rehearsals', auth.required, async (ctx) => {
    if (!rehearsals.allowed) throw plainProblem(404);
    gate.mustBeOpen();
    const command = rehearsalBody.parse(await readBody(ctx));
    // The crowd comes in by the door that this request came by.
    const { localAddress = '', localPort = 0 } = ctx.req.socket;
    const host = localAddress.includes(':') ? `[${localAddress}]` : localAddress;
    const result = await rehearsals.start(requireClaims(ctx), command, `http://${host}:${localPort}`);
    // What Redis lacks now, a Redis that was just emptied lacks as well.
    if (result === 'no-such-coupon') await fence.mustStand();
    if (result !== 'started') return respondWith(ctx, refusals[result]);
    respondWith(ctx, { status: 202, body: { errMsg: '' } });
  });
}
