import type Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import { canBeCoupon } from '../../coupon/names.ts';
import { bareToken } from '../../infra/tokens.ts';
import { readCouponEvents } from '../../operators/couponEvents.ts';
import { listDamagedCoupons } from '../../operators/damagedCoupons.ts';
import { listDeadLetters, putBack } from '../../operators/deadLetters.ts';
import { hasSubscription, retryNow, skipNext } from '../../subscribers/changeCheckpoint.ts';
import type { System } from '../../system.ts';
import { isRepeated } from '../edge/repeatedHeaders.ts';
import { notAuthorized, refusals, respondWith } from '../errors.ts';
import { givenIn } from '../lists/listQueries.ts';
import { readBody } from '../readRequest.ts';
import {
  actBody,
  couponEventsQuery,
  letterOf,
  lettersQuery,
  namesIn,
  skipBody,
  verificationQuery,
} from './operatorRequests.ts';

/** What operators see, and the few things that they may do. Every act has a reason, and is logged with the name of its operator. */
export function addOperatorApi(router: Router, system: System): void {
  const { operators, redis, gate, shardOf, outboxLimit, log } = system;
  const asOperator: Middleware = (ctx, next) => {
    if (isRepeated('authorization', ctx.req)) throw notAuthorized();
    const operator = operators.find(bareToken(ctx.get('authorization')) ?? '');
    if (operator === undefined) throw notAuthorized();
    const seconds = operators.limit(operator);
    if (seconds > 0)
      return respondWith(ctx, { ...refusals['too-many-requests-of-operator'], retryAfterSeconds: seconds });
    ctx.state.operator = operator;
    return next();
  };
  const logAct = (ctx: Context, act: string, more: object) =>
    log.warn({ operator: operatorOf(ctx), ...more }, `act of an operator: ${act}`);

  router.get('/api/operator/state', asOperator, async (ctx) => {
    const state = await operators.state();
    const outbox = { limit: outboxLimit.entries, full: outboxLimit.isFull() };
    const data = { operator: operatorOf(ctx), answeredBy: operators.own(), outbox, ...state };
    respondWith(ctx, { status: 200, body: { errMsg: '', data } });
  });

  router.get('/api/operator/dead-letters', asOperator, async (ctx) => {
    const { after, limit } = lettersQuery.parse(givenIn(ctx.query));
    const [partition = '', id = ''] = after?.split('/') ?? [];
    const letters = await listDeadLetters(redis, letterOf(partition, id), limit);
    const data = letters.slice(0, limit);
    const last = data.at(-1);
    const next = letters.length > limit && last !== undefined ? { next: `${last.partition}/${last.id}` } : {};
    respondWith(ctx, { status: 200, body: { errMsg: '', ...next, data } });
  });

  router.post('/api/operator/dead-letters/:partition/:id/put-back', asOperator, async (ctx) => {
    const { reason } = actBody.parse(await readBody(ctx));
    const { partition = '', id = '' } = ctx.params;
    const letter = letterOf(partition, id);
    if (letter === undefined) return respondWith(ctx, refusals['no-such-dead-letter']);
    shardOf(letter.partition).gate.mustBeOpen();
    const outcome = await putBack(redis, letter, outboxLimit.entries);
    switch (outcome) {
      case 'put-back':
        logAct(ctx, 'a dead letter is back in the outbox', { ...letter, reason });
        return respondWith(ctx, { status: 200, body: { errMsg: '' } });
      case 'gone':
        return respondWith(ctx, refusals['no-such-dead-letter']);
      case 'fenced':
        return shardOf(letter.partition).fence.reconcileAgain();
      case 'full':
        return outboxLimit.full();
      default:
        return outcome satisfies never;
    }
  });

  router.post('/api/operator/subscriptions/:name/retry', asOperator, async (ctx) => {
    const { reason } = actBody.parse(await readBody(ctx));
    const { name = '' } = ctx.params;
    if (!(await operators.act((run) => retryNow(run, name)))) return respondWith(ctx, refusals['no-such-subscription']);
    logAct(ctx, 'a subscription makes its next attempt at once', { subscription: name, reason });
    respondWith(ctx, { status: 200, body: { errMsg: '' } });
  });

  router.post('/api/operator/subscriptions/:name/skip', asOperator, async (ctx) => {
    const { event, reason } = skipBody.parse(await readBody(ctx));
    const { name = '' } = ctx.params;
    const result = await operators.act(async (run, nodes) => {
      if (!(await hasSubscription(run, name))) return 'no-such-subscription';
      return (await skipNext({ run, nodes }, name, `${operatorOf(ctx)}: ${reason}`, event)) ?? 'another-next-event';
    });
    if (typeof result === 'string') return respondWith(ctx, refusals[result]);
    logAct(ctx, 'a subscription leaves out an event', { subscription: name, event, reason });
    respondWith(ctx, { status: 200, body: { errMsg: '' } });
  });

  router.get('/api/operator/damaged-coupons', asOperator, async (ctx) => {
    const { count, coupons } = await listDamagedCoupons(redis);
    respondWith(ctx, { status: 200, body: { errMsg: '', count, data: coupons } });
  });

  router.get('/api/operator/events', asOperator, async (ctx) => {
    const { after, limit, id, ...names } = couponEventsQuery.parse(givenIn(ctx.query));
    const wanted = { ...(id === undefined ? namesIn.parse(names) : { id }), after, limit };
    const page = await operators.read((run) => readCouponEvents({ run, redis }, wanted));
    if (page === undefined) return respondWith(ctx, refusals['coupon-in-neither-store']);
    const { events, next, ...state } = page;
    respondWith(ctx, {
      status: 200,
      body: { errMsg: '', ...state, ...(next === undefined ? {} : { next }), data: events },
    });
  });

  router.get('/api/operator/verification', asOperator, async (ctx) => {
    const coupon = namesIn.parse(verificationQuery.parse(givenIn(ctx.query)));
    gate.mustBeOpen();
    const report = canBeCoupon(coupon) ? await operators.verify(coupon) : undefined;
    if (report === 'running') return respondWith(ctx, refusals['verification-runs']);
    if (report === undefined) return respondWith(ctx, refusals['coupon-in-neither-store']);
    const { log: logged, mysql, redis: inRedis, onTheirWay, gaps, wrong, mismatches } = report;
    const data = { agree: wrong === 0, log: logged, mysql, redis: inRedis, onTheirWay, gaps, wrong, mismatches };
    respondWith(ctx, { status: 200, body: { errMsg: '', data } });
  });
}

const operatorOf = (ctx: Context) => String(ctx.state.operator);
