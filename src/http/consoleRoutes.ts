import type Router from '@koa/router';
import { keys } from '../infra/keys.ts';
import type { System } from '../system.ts';
import { type Auth, requireClaims } from './auth.ts';
import { plainProblem, refusals, respondWith } from './errors.ts';
import { readBody } from './readRequest.ts';
import { liveQuery, rehearsalBody } from './requests.ts';

/** When a stream of the client will end is unknown. */
const STREAM_RETRY_SECONDS = 10;

/** Routes that only the console needs. */
export function addConsoleRoutes(
  router: Router,
  { gate, redis, fence, revocations, live, rehearsals, clientAddress }: System,
  auth: Auth,
) {
  // The token is in the header, as on every route: a token in a URL ends up in logs. So clients use fetch; EventSource cannot send headers.
  router.get('/api/live', auth.required, async (ctx) => {
    const claims = requireClaims(ctx);
    const { seller } = liveQuery.parse(ctx.query);
    gate.mustBeOpen();
    const kind = await redis.get(keys.userView(seller));
    if (kind === null) await fence.mustStand(keys.userView(seller));
    if (kind !== 'seller') return respondWith(ctx, refusals['no-such-user']);
    const mayListen = () => claims.exp * 1_000 > Date.now() && !revocations.isRevoked(claims);
    // Set before the stream opens, so that a client that disconnects before the first event is logged as 200 too.
    ctx.status = 200;
    // The stream sends its headers with the first event; a HEAD request gets no event.
    if (ctx.method === 'HEAD') {
      ctx.type = 'text/event-stream';
      return;
    }
    const client = { user: claims.sub, address: clientAddress(ctx.req) };
    const refusal = await live.listen(seller, ctx.res, client, mayListen);
    if (refusal === undefined) ctx.respond = false;
    else respondWith(ctx, { ...refusals[refusal], retryAfterSeconds: STREAM_RETRY_SECONDS });
  });

  router.post('/api/rehearsals', auth.required, async (ctx) => {
    if (!rehearsals.allowed) throw plainProblem(404);
    gate.mustBeOpen();
    const command = rehearsalBody.parse(await readBody(ctx));
    // The simulated customers connect to the address and port that received this request.
    const { localAddress = '', localPort = 0 } = ctx.req.socket;
    const host = localAddress.includes(':') ? `[${localAddress}]` : localAddress;
    const result = await rehearsals.start(requireClaims(ctx), command, `http://${host}:${localPort}`);
    // The coupon may be missing because Redis was just emptied.
    if (result === 'no-such-coupon')
      await fence.mustStand(keys.coupon({ seller: requireClaims(ctx).sub, name: command.coupon }));
    if (result !== 'started') return respondWith(ctx, refusals[result]);
    respondWith(ctx, { status: 202, body: { errMsg: '' } });
  });
}
