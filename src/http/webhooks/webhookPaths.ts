import { malformedPath, notAuthorized, type Problem, plainProblem, refusals, webhookRefusals } from '../errors.ts';
import { badBody, badToken, outcomeUnknown } from '../openapi/commonProblems.ts';
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
import { exampleEvent } from '../openapi/eventPaths.ts';
import { refTo } from '../openapi/schemas.ts';
import { deliveriesQuery, webhookBody } from './webhookRequests.ts';

// The operations of webhooks, each for sellers and for the operator, and the requests that a receiver gets.

const id = '01975a40-1b2c-7d3e-8f4a-5b6c7d8e9f0a';
const webhook = {
  id,
  url: 'https://shop.example/seckill',
  state: 'active',
  failures: 0,
  createdAt: '2026-11-28T09:30:00.250Z',
} as const;
const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD8Zw2hK5Yb1M=';
const delivery = {
  id: 12,
  kind: 'event',
  event: exampleEvent.id,
  type: 'CouponGrabbed',
  subject: 'ann/spring',
  sentAt: '2026-11-28T09:31:00.002Z',
  tookMs: 35,
  status: 204,
  answer: '',
} as const;

const owners = [
  {
    base: '/api/users/{username}/webhooks',
    suffix: '',
    ofWhom: 'of the seller',
    events: 'the events of the own coupons',
    shared: { parameters: [pathParameter('username', 'The seller, who must be the user of the token.', 'ann')] },
    refused: [malformedPath(), ...badToken],
  },
  {
    base: '/api/webhooks',
    suffix: 'OfOperator',
    ofWhom: 'of the operator',
    events: 'the events of all sellers',
    shared: { security: [{ service: [] }], parameters: [] },
    refused: [notAuthorized()],
  },
];

type Owner = (typeof owners)[number];

/** Without a key for secrets there are no webhooks, which is a 404 too. */
const noWebhooks = plainProblem(404);

const operation = (
  { suffix, shared, refused }: Owner,
  name: string,
  success: Operation['responses'],
  more: Pick<Operation, 'summary' | 'description' | 'requestBody'> & { parameters?: object[]; refusals?: Problem[] },
): Operation => {
  const { parameters = [], refusals: further = [], ...rest } = more;
  return {
    operationId: `${name}${suffix}`,
    tags: ['webhooks'],
    ...rest,
    ...shared,
    parameters: [...shared.parameters, ...parameters],
    responses: { ...success, ...problems(...refused, noWebhooks, ...further, outcomeUnknown) },
  };
};

const { 'no-such-webhook': unknown, 'no-such-delivery': noDelivery, 'unreadable-secret': unreadable } = webhookRefusals;
const urlRefusals = [
  ...badBody,
  ...refusedBy(webhookBody, {}, { url: `https://${'x'.repeat(2_048)}` }),
  webhookRefusals['no-url'],
  webhookRefusals['not-https'],
  webhookRefusals['credentials-in-url'],
  webhookRefusals['port-not-allowed'],
  webhookRefusals['address-not-allowed'],
];

function pathsOf(owner: Owner): Paths {
  const { base, ofWhom, events } = owner;
  const webhookId = pathParameter('id', 'The id of the webhook.', id);
  const changed = { 200: reply('The webhook after the change.', 'Webhook', { errMsg: '', data: webhook }) };
  const withSecret = { errMsg: '', data: { ...webhook, secret } } as const;
  const sent = {
    200: reply('How the request ended.', 'Delivery', { errMsg: '', data: { ...delivery, kind: 'resend' } }),
  };
  /** An operation about one webhook, whose body is empty. */
  const about = (
    name: string,
    success: Operation['responses'],
    summary: string,
    description: string,
    { parameters = [], refused = [] }: { parameters?: object[]; refused?: Problem[] } = {},
  ) =>
    operation(owner, name, success, {
      summary,
      description,
      parameters: [webhookId, ...parameters],
      refusals: [...badBody, unknown, ...refused],
    });
  return {
    [base]: {
      get: operation(
        owner,
        'listWebhooks',
        { 200: reply('The webhooks, the oldest first.', 'Webhooks', { errMsg: '', data: [webhook] }) },
        { summary: `List the webhooks ${ofWhom}`, description: `The URLs that get ${events}, and how they are.` },
      ),
      post: operation(
        owner,
        'createWebhook',
        { 201: reply('The webhook, and the secret that signs.', 'NewWebhook', withSecret) },
        {
          summary: `Register a webhook ${ofWhom}`,
          description:
            `The URL gets ${events} from now on, each at least once, those of one coupon in order, signed by the Standard Webhooks ` +
            'scheme. It must begin with `https:` and lead to a public address. The secret is shown in this answer alone.',
          requestBody: requestBody('WebhookUrl', { url: webhook.url }),
          refusals: [...urlRefusals, webhookRefusals['too-many-webhooks']],
        },
      ),
    },
    [`${base}/{id}`]: {
      patch: operation(owner, 'moveWebhook', changed, {
        summary: `Change the URL of a webhook ${ofWhom}`,
        description: 'The next attempt uses the new URL. The secret stays the same.',
        parameters: [webhookId],
        requestBody: requestBody('WebhookUrl', { url: webhook.url }),
        refusals: [...urlRefusals, unknown],
      }),
      delete: about(
        'deleteWebhook',
        { 200: reply('The webhook is deleted.', 'Done', { errMsg: '' }) },
        `Delete a webhook ${ofWhom}`,
        'Its log of deliveries is deleted too. Events that it has not got are not sent.',
      ),
    },
    [`${base}/{id}/pause`]: {
      post: about('pauseWebhook', changed, `Pause a webhook ${ofWhom}`, 'Its events wait.'),
    },
    [`${base}/{id}/resume`]: {
      post: about(
        'resumeWebhook',
        changed,
        `Resume a webhook ${ofWhom}`,
        'Deliveries go on where they stood, with the next attempt at once. A webhook that is disabled is resumed likewise.',
      ),
    },
    [`${base}/{id}/rotate`]: {
      post: about(
        'rotateWebhookSecret',
        { 200: reply('The webhook, and its new secret.', 'NewWebhook', withSecret) },
        `Give a webhook ${ofWhom} a new secret`,
        'For a day the old secret signs too: each delivery has both signatures. The new one is shown in this answer alone.',
      ),
    },
    [`${base}/{id}/test`]: {
      post: about(
        'testWebhook',
        sent,
        `Send a test to a webhook ${ofWhom}`,
        'Sends an event of the type `WebhookTested` at once, also to a webhook that is paused or disabled.',
        { refused: [unreadable, refusals['too-many-deliveries']] },
      ),
    },
    [`${base}/{id}/deliveries`]: {
      get: operation(
        owner,
        'listDeliveries',
        { 200: reply('The deliveries, the newest first.', 'Deliveries', { errMsg: '', data: [delivery] }) },
        {
          summary: `List the last deliveries to a webhook ${ofWhom}`,
          description: 'The last 200 or more are kept. A delivery is listed within a second.',
          parameters: [webhookId, ...queryParameters(deliveriesQuery, { before: 12, limit: 20 })],
          refusals: [...refusedBy(deliveriesQuery, { before: 'x' }, { limit: '0' }), unknown],
        },
      ),
    },
    [`${base}/{id}/deliveries/{delivery}/resend`]: {
      post: about(
        'resendDelivery',
        sent,
        `Send the event of a delivery to a webhook ${ofWhom} again`,
        'At once, with the same id. It does not move what the webhook has got.',
        {
          parameters: [pathParameter('delivery', 'The id of the delivery.', '12')],
          refused: [noDelivery, unreadable, refusals['too-many-deliveries']],
        },
      ),
    },
  };
}

export const webhookPaths = (): Paths => Object.assign({}, ...owners.map(pathsOf));

const sentHeader = (name: string, description: string, example: string) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
  example,
});

const received = (operationId: string, summary: string, description: string, body: 'CloudEvent' | 'WebhookTest') => ({
  post: {
    operationId,
    tags: ['webhooks'],
    summary,
    description,
    security: [],
    parameters: [
      sentHeader('webhook-id', 'The id of the event. A repeat has the same one.', exampleEvent.id),
      sentHeader('webhook-timestamp', 'When this attempt was made, in seconds since 1970.', '1795858260'),
      sentHeader(
        'webhook-signature',
        '`v1,` and the HMAC-SHA256 of `ID.TIMESTAMP.BODY` in base64; during a rotation two of them, with a space between them.',
        'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
      ),
    ],
    requestBody: {
      required: true,
      content: { 'application/cloudevents+json': { schema: { $ref: refTo(body) } } },
    },
    responses: {
      '2XX': { description: 'The event is taken.' },
      '410': { description: 'No more events: the webhook is disabled.' },
      '4XX': { description: 'Not taken, as any other status: the event comes again. `Retry-After` is respected.' },
    },
  },
});

/** The requests that this server sends. */
export const sentRequests = () => ({
  event: received(
    'receiveEvent',
    'An event',
    'Answer as soon as the event is stored, within 15 s; a redirect is not followed.',
    'CloudEvent',
  ),
  test: received('receiveTest', 'A test of the webhook', 'Sent on request; it is about no coupon.', 'WebhookTest'),
});
