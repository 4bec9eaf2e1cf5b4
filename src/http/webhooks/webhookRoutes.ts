import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { isOwner } from '../../commands/changes/changeCoupon.ts';
import { bareToken } from '../../infra/tokens.ts';
import type { System } from '../../system.ts';
import { findDelivery, listDeliveries } from '../../webhooks/deliveryLog.ts';
import {
  createEndpoint,
  deleteEndpoint,
  type Endpoint,
  findEndpoint,
  listEndpoints,
  moveEndpoint,
  type Owner,
  pauseEndpoint,
  resumeEndpoint,
  rotateSecret,
} from '../../webhooks/endpoints.ts';
import type { Webhooks } from '../../webhooks/openWebhooks.ts';
import { resend, sendTest } from '../../webhooks/sendByHand.ts';
import { type Auth, requireClaims } from '../auth.ts';
import { isRepeated } from '../edge/repeatedHeaders.ts';
import { notAuthorized, plainProblem, refusals, respondWith, webhookRefusals } from '../errors.ts';
import { givenIn } from '../lists/listQueries.ts';
import { readBody, readOptionalBody } from '../readRequest.ts';
import type { Reply } from '../responses.ts';
import { deliveriesQuery, toDelivery, toWebhook, webhookBody } from './webhookRequests.ts';

/** How many endpoints the operator may have. */
const OPERATOR_LIMIT = 100;
const BY_HAND_RETRY_SECONDS = 10;

/** The same routes twice: a seller's, with the events of the own coupons, and the operator's, with all events. */
export function addWebhookRoutes(router: Router, system: System, auth: Auth): void {
  const ofSeller = (ctx: Context): Owner => {
    const { username = '' } = ctx.params;
    if (!isOwner(requireClaims(ctx), username)) throw notAuthorized();
    return username;
  };
  const ofOperator = (ctx: Context): Owner => {
    if (isRepeated('authorization', ctx.req)) throw notAuthorized();
    if (system.findService(bareToken(ctx.get('authorization')) ?? '') === undefined) throw notAuthorized();
    return undefined;
  };
  addRoutes(router, system, { base: '/api/users/:username/webhooks', before: [auth.required], ownerOf: ofSeller });
  addRoutes(router, system, { base: '/api/webhooks', before: [], ownerOf: ofOperator });
}

interface Routes {
  base: string;
  before: Middleware[];
  /** Throws when the token is not that of the owner. */
  ownerOf(ctx: Context): Owner;
}

function addRoutes(router: Router, system: System, { base, before, ownerOf }: Routes): void {
  type Handler = (ctx: Context, webhooks: Webhooks, owner: Owner) => Promise<void>;
  const add = (method: 'get' | 'post' | 'patch' | 'delete', path: string, handle: Handler) =>
    router[method](`${base}${path}`, ...before, async (ctx: Context) => {
      const owner = ownerOf(ctx);
      // Without a key for their secrets there are no webhooks.
      const { webhooks } = system;
      if (webhooks === undefined) throw plainProblem(404);
      await handle(ctx, webhooks, owner);
    });
  /** A route about one endpoint. */
  const addOf = (
    method: 'get' | 'post' | 'patch' | 'delete',
    path: string,
    handle: (ctx: Context, webhooks: Webhooks, endpoint: Endpoint) => Promise<void>,
  ) =>
    add(method, `/:id${path}`, async (ctx, all, owner) => {
      const endpoint = await findEndpoint(all.mysql, owner, ctx.params.id ?? '');
      if (endpoint === undefined) return respondWith(ctx, webhookRefusals['no-such-webhook']);
      await handle(ctx, all, endpoint);
    });
  const done = (ctx: Context, data: Extract<Reply, { data?: unknown }>['data'], status = 200) =>
    respondWith(ctx, { status, body: { errMsg: '', data } as Reply });
  /** Answers with the endpoint as it is after the change. */
  const changed = async (ctx: Context, { mysql }: Webhooks, { owner, id }: Endpoint) => {
    const endpoint = await findEndpoint(mysql, owner, id);
    if (endpoint === undefined) return respondWith(ctx, webhookRefusals['no-such-webhook']);
    done(ctx, toWebhook(endpoint));
  };
  const readUrl = async (ctx: Context, all: Webhooks): Promise<string | undefined> => {
    const { url } = webhookBody.parse(await readBody(ctx));
    const refusal = all.refusalOf(url);
    if (refusal === undefined) return url;
    respondWith(ctx, webhookRefusals[refusal]);
  };

  add('get', '', async (ctx, { mysql }, owner) => done(ctx, (await listEndpoints(mysql, owner)).map(toWebhook)));
  add('post', '', async (ctx, all, owner) => {
    const url = await readUrl(ctx, all);
    if (url === undefined) return;
    const limit = owner === undefined ? OPERATOR_LIMIT : all.perSeller;
    const position = await all.startPosition();
    const created = await createEndpoint(all.mysql, all.sealed, { owner, url, position, limit });
    if (created === 'too-many-webhooks') return respondWith(ctx, webhookRefusals[created]);
    done(ctx, { ...toWebhook(created.endpoint), secret: created.secret }, 201);
  });
  addOf('patch', '', async (ctx, all, endpoint) => {
    const url = await readUrl(ctx, all);
    if (url === undefined) return;
    await moveEndpoint(all.mysql, endpoint.id, url);
    await changed(ctx, all, endpoint);
  });
  addOf('delete', '', async (ctx, { mysql }, { id }) => {
    await readOptionalBody(ctx);
    await deleteEndpoint(mysql, id);
    respondWith(ctx, { status: 200, body: { errMsg: '' } });
  });
  for (const [path, change] of [
    ['/pause', pauseEndpoint],
    ['/resume', resumeEndpoint],
  ] as const)
    addOf('post', path, async (ctx, all, endpoint) => {
      await readOptionalBody(ctx);
      await change(all.mysql, endpoint.id);
      await changed(ctx, all, endpoint);
    });
  addOf('post', '/rotate', async (ctx, all, endpoint) => {
    await readOptionalBody(ctx);
    const secret = await rotateSecret(all.mysql, all.sealed, endpoint.id);
    done(ctx, { ...toWebhook(endpoint), secret });
  });
  addOf('get', '/deliveries', async (ctx, { mysql }, { id }) => {
    const deliveries = await listDeliveries(mysql, id, deliveriesQuery.parse(givenIn(ctx.query)));
    done(ctx, deliveries.map(toDelivery));
  });

  const byHand = async (ctx: Context, all: Webhooks, { owner }: Endpoint, work: () => ReturnType<typeof resend>) => {
    await readOptionalBody(ctx);
    const result = await all.byHand(owner, work);
    if (result === undefined)
      respondWith(ctx, { ...refusals['too-many-deliveries'], retryAfterSeconds: BY_HAND_RETRY_SECONDS });
    else if (typeof result === 'string') respondWith(ctx, webhookRefusals[result]);
    else done(ctx, toDelivery(result));
  };
  addOf('post', '/test', (ctx, all, endpoint) => byHand(ctx, all, endpoint, () => sendTest(all, endpoint)));
  addOf('post', '/deliveries/:delivery/resend', async (ctx, all, endpoint) => {
    const { delivery = '' } = ctx.params;
    const found = /^\d{1,15}$/.test(delivery)
      ? await findDelivery(all.mysql, endpoint.id, Number(delivery))
      : undefined;
    if (found === undefined) return respondWith(ctx, webhookRefusals['no-such-delivery']);
    await byHand(ctx, all, endpoint, () => resend(all, endpoint, found));
  });
}
