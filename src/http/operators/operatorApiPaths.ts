import type { z } from 'zod';
import { notAuthorized, type Problem, refusals } from '../errors.ts';
import { badBody, outcomeUnknown } from '../openapi/commonProblems.ts';
import {
  type Operation,
  type Paths,
  pathParameter,
  problems,
  queryParameters,
  refusedBy,
  reply,
  requestBody,
} from '../openapi/describe.ts';
import type { Example, Name } from '../openapi/schemas.ts';
import { actBody, couponEventsQuery, lettersQuery, namesIn, skipBody, verificationQuery } from './operatorRequests.ts';

// The operations of the page of operators.

const COUPON = '01975a3e-7c1b-7c3e-9f0a-0d5b6a1c2e3f';
const at = '2026-11-28T09:00:00.000Z';
const process = {
  id: 'shop-1 4711 9f3a',
  version: '0.1.0',
  revision: null,
  node: 'v26.12.1',
  startedAt: at,
  gate: { open: true, since: at, why: null },
  reconcile: { step: null, done: 0, of: 0, last: { at, coupons: 12, rebuilt: 0, ms: 40 }, error: null },
  silentMs: 0,
  silent: false,
};
const nextEvent = { position: 42, id: `${COUPON}:2`, type: 'CouponGrabbed', coupon: 'ann/spring' };
const partition = { partition: 0, fence: true, outbox: { entries: 3, oldestMs: 12 }, deadLetters: 1 };
const stateExample: Example<'OperatorState'> = {
  errMsg: '',
  data: {
    operator: 'olga',
    at,
    answeredBy: process,
    outbox: { limit: 500_000, full: false },
    redis: {
      error: null,
      state: {
        version: 'Redis 8.6.0',
        reconciled: true,
        partitions: [partition],
        damagedCoupons: 0,
        processes: [process],
      },
    },
    mysql: {
      error: null,
      state: {
        version: '11.8.2-MariaDB',
        migrations: { applied: 14, missing: [], unknown: [] },
        subscriptions: {
          ...{ total: 1, failing: 0, lag: 1 },
          listed: [{ name: 'nats', position: 41, lag: 1, failures: 0, error: null, nextEvent }],
        },
      },
    },
  },
};
const counts = { coupons: 1, pieces: 9, left: 8, held: 1, released: 0, redeemed: 0, events: 2 };

const operation = (
  described: Pick<Operation, 'operationId' | 'summary' | 'description' | 'parameters' | 'requestBody'>,
  answer: object,
  ...refused: Problem[]
): Operation => ({
  tags: ['operators'],
  ...described,
  security: [{ operator: [] }],
  responses: {
    200: answer,
    ...problems(...refused, notAuthorized(), refusals['too-many-requests-of-operator']),
  },
});

const readsWith = <N extends Name>(name: N, example: Example<N>, description: string) =>
  reply(description, name, example);
const done = reply('The act is done, and logged with the name of the operator and the reason.', 'Done', { errMsg: '' });
const subscription = pathParameter('name', 'The name of the subscription.', 'nats');
const badAct = (schema: z.ZodType) => [...refusedBy(schema, { event: 'x', reason: '' }), ...badBody];

export const operatorApiPaths = (): Paths => ({
  '/api/operator/state': {
    get: operation(
      {
        operationId: 'readOperatorState',
        summary: 'Read the state of the system',
        description:
          'For operators, with a token of `OPERATOR_TOKENS`. The answer comes when a store is down, too, and then says what is known. ' +
          'All operators share an answer of the stores for a second. With `OPS_PORT`, only that port has the operations of operators.',
      },
      readsWith('OperatorState', stateExample, 'The gate, the stores, every process, and every subscription.'),
    ),
  },
  '/api/operator/dead-letters': {
    get: operation(
      {
        operationId: 'listDeadLetters',
        summary: 'List the entries that could not be applied',
        description: 'The oldest first, of all partitions. Codes and idempotency keys are left out.',
        parameters: queryParameters(lettersQuery, { after: '3/1764320400000-0', limit: 20 }),
      },
      readsWith(
        'DeadLetters',
        {
          errMsg: '',
          data: [
            {
              partition: 3,
              id: '1764320400000-0',
              reason: 'its coupon was never created, or its piece never grabbed',
              count: 1,
              events: [{ id: `${COUPON}:2`, type: 'CouponGrabbed', coupon: 'ann/spring', customer: 'bob' }],
            },
          ],
        },
        'A page of dead letters.',
      ),
      ...refusedBy(lettersQuery, { limit: '0' }, { after: 'x' }),
      outcomeUnknown,
    ),
  },
  '/api/operator/dead-letters/{partition}/{id}/put-back': {
    post: operation(
      {
        operationId: 'putDeadLetterBack',
        summary: 'Put a dead letter back into the outbox',
        description:
          'Its events are applied within seconds, each once even if MySQL has it already; or it becomes a dead letter again. ' +
          'While the write model is not reconciled, or the outbox is full, the answer is 503.',
        parameters: [
          pathParameter('partition', 'The partition of the dead letter.', '3'),
          pathParameter('id', 'The id of the dead letter.', '1764320400000-0'),
        ],
        requestBody: requestBody('Act', { reason: 'The column has been widened.' }),
      },
      done,
      ...badAct(actBody),
      refusals['no-such-dead-letter'],
      outcomeUnknown,
    ),
  },
  '/api/operator/subscriptions/{name}/retry': {
    post: operation(
      {
        operationId: 'retrySubscription',
        summary: 'Make the next attempt of a subscription at once',
        description: 'Like `npm run subscribers -- retry`. The pauses between attempts begin anew.',
        parameters: [subscription],
        requestBody: requestBody('Act', { reason: 'The order system is back.' }),
      },
      done,
      ...badAct(actBody),
      refusals['no-such-subscription'],
      outcomeUnknown,
    ),
  },
  '/api/operator/subscriptions/{name}/skip': {
    post: operation(
      {
        operationId: 'skipEvent',
        summary: 'Leave out the next event of a subscription',
        description:
          'Like `npm run subscribers -- skip`. The reason is kept in the table `subscription_changes` as well. The event stays in the log.',
        parameters: [subscription],
        requestBody: requestBody('Skip', { event: `${COUPON}:2`, reason: 'The order was made by hand.' }),
      },
      done,
      ...badAct(skipBody),
      ...refusedBy(skipBody, { reason: 'r' }),
      refusals['no-such-subscription'],
      refusals['another-next-event'],
      outcomeUnknown,
    ),
  },
  '/api/operator/damaged-coupons': {
    get: operation(
      {
        operationId: 'listDamagedCoupons',
        summary: 'List the coupons whose log is damaged',
        description: 'Their grabs get 503 until an operator has mended the log.',
      },
      readsWith(
        'DamagedCoupons',
        {
          errMsg: '',
          count: 1,
          data: [{ seller: 'ann', name: 'spring', id: COUPON, damage: 'the event log lacks version 3' }],
        },
        'The damaged coupons, with what reconcile has found.',
      ),
      outcomeUnknown,
    ),
  },
  '/api/operator/events': {
    get: operation(
      {
        operationId: 'readCouponEvents',
        summary: 'Read the events of one coupon in order',
        description:
          'From the event log. Codes and idempotency keys are left out. A version that is missing is no row.',
        parameters: queryParameters(couponEventsQuery, {
          seller: 'ann',
          name: 'spring',
          id: COUPON,
          after: 0,
          limit: 100,
        }),
      },
      readsWith(
        'CouponEvents',
        {
          errMsg: '',
          coupon: { id: COUPON, seller: 'ann', name: 'spring' },
          logged: 2,
          decided: 2,
          data: [{ position: 42, version: 2, type: 'CouponGrabbed', at, data: { customer: 'bob', left: 8 } }],
        },
        'A page of events.',
      ),
      ...refusedBy(couponEventsQuery, { id: '1' }, { after: 'x' }, { limit: '0' }),
      ...refusedBy(namesIn, {}),
      refusals['coupon-in-neither-store'],
      outcomeUnknown,
    ),
  },
  '/api/operator/verification': {
    get: operation(
      {
        operationId: 'verifyCoupon',
        summary: 'Compare one coupon in Redis, MySQL and the log',
        description: 'Like `npm run verify -- --coupon`. A process compares one coupon at a time.',
        parameters: queryParameters(verificationQuery, { seller: 'ann', name: 'spring' }),
      },
      readsWith(
        'Verification',
        {
          errMsg: '',
          data: {
            agree: true,
            ...{ log: counts, mysql: counts, redis: counts },
            onTheirWay: 0,
            gaps: 0,
            wrong: 0,
            mismatches: [],
          },
        },
        'What agrees, and what does not.',
      ),
      ...refusedBy(namesIn, {}),
      refusals['coupon-in-neither-store'],
      outcomeUnknown,
      refusals['verification-runs'],
    ),
  },
});
