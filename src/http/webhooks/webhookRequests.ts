import { z } from 'zod';
import type { LoggedDelivery } from '../../webhooks/deliveryLog.ts';
import type { Endpoint } from '../../webhooks/endpoints.ts';
import { atMost, text } from '../fields.ts';

// The bodies, the query string and the answers of the routes of webhooks.

const URL_MAX = 2_048;
const DELIVERIES_MAX = 100;

export const webhookBody = z.object({
  url: text('url', 'Empty field of url.')
    .min(1, 'Empty field of url.')
    .apply(atMost(URL_MAX, 'Url too long.'))
    .meta({ description: 'Where the events are sent: an absolute URL that begins with `https:`.' }),
});

const wholeNumber = (field: string, max: number, errMsg: string) =>
  z
    .string(errMsg)
    .regex(/^\d{1,16}$/, errMsg)
    .transform(Number)
    .pipe(z.int(errMsg).min(1, errMsg).max(max, errMsg))
    .describe(field);

export const deliveriesQuery = z.object({
  before: wholeNumber(
    'Only deliveries before the one with this id.',
    Number.MAX_SAFE_INTEGER,
    'Wrong format of before: a whole number from 1.',
  ).optional(),
  limit: wholeNumber(
    'The largest number of deliveries.',
    DELIVERIES_MAX,
    `Wrong format of limit: a whole number from 1 to ${DELIVERIES_MAX}.`,
  ).default(20),
});

const time = z.string().meta({ format: 'date-time' });
const secret = z.string().meta({
  description:
    'The secret that signs: `whsec_` and base64. It is shown once, in this answer, and cannot be read later.',
});

export const webhook = z.object({
  id: z.string(),
  url: z.string(),
  state: z.enum(['active', 'paused', 'disabled']).meta({
    description: '`disabled`: all attempts of a day have failed, or the receiver has answered 410. Its events wait.',
  }),
  reason: z.string().optional().meta({ description: 'Why it is disabled.' }),
  failures: z.int().min(0).meta({ description: 'Attempts that failed since an event was last taken.' }),
  failingSince: time.optional(),
  lastFailure: z.string().optional(),
  createdAt: time,
});
export const webhookReply = z.object({ errMsg: z.literal(''), data: webhook });
export const newWebhookReply = z.object({ errMsg: z.literal(''), data: webhook.extend({ secret }) });
export const webhooksReply = z.object({ errMsg: z.literal(''), data: z.array(webhook) });

export const webhookDelivery = z.object({
  id: z.int().min(1),
  kind: z.enum(['event', 'resend', 'test']),
  event: z.string().meta({ description: 'The id of the event, sent as `webhook-id`.' }),
  type: z.string(),
  subject: z.string().meta({ description: 'The seller and the name of the coupon; empty for a test.' }),
  sentAt: time,
  tookMs: z.int().min(0),
  status: z.int().nullable().meta({ description: 'The status of the answer; null when there was none.' }),
  answer: z.string().meta({ description: 'The beginning of the answer, or why there is none.' }),
});
export const deliveryReply = z.object({ errMsg: z.literal(''), data: webhookDelivery });
export const deliveriesReply = z.object({ errMsg: z.literal(''), data: z.array(webhookDelivery) });

const isoTime = (ms: number) => new Date(ms).toISOString();

export const toWebhook = (endpoint: Endpoint): z.infer<typeof webhook> => ({
  id: endpoint.id,
  url: endpoint.url,
  state: endpoint.state,
  failures: endpoint.failures,
  createdAt: isoTime(endpoint.createdAt),
  ...(endpoint.reason === null ? {} : { reason: endpoint.reason }),
  ...(endpoint.failingSince === null ? {} : { failingSince: isoTime(endpoint.failingSince) }),
  ...(endpoint.error === null ? {} : { lastFailure: endpoint.error }),
});

export const toDelivery = ({
  eventId,
  sentAt,
  position,
  ...same
}: LoggedDelivery): z.infer<typeof webhookDelivery> => ({
  ...same,
  event: eventId,
  sentAt: isoTime(sentAt),
});
