import { Webhook } from 'standardwebhooks';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { CloudEvent } from '../subscribers/cloudEvent.ts';

// A delivery as the Standard Webhooks scheme has it (https://www.standardwebhooks.com): the body is the event as the feed has it.

export const MESSAGE_TYPE = 'application/cloudevents+json';

/** What a test of an endpoint sends. */
export const testEventSchema = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.literal('/seckill'),
  type: z.literal('WebhookTested'),
  time: z.string().meta({ format: 'date-time' }),
  datacontenttype: z.literal('application/json'),
  data: z.object({}),
});
export type TestEvent = z.infer<typeof testEventSchema>;
export type Message = CloudEvent | TestEvent;

export const createTestEvent = (): TestEvent => ({
  specversion: '1.0',
  id: `test:${uuidv7()}`,
  source: '/seckill',
  type: 'WebhookTested',
  time: new Date().toISOString(),
  datacontenttype: 'application/json',
  data: {},
});

/** The headers of a delivery, with a signature for each secret, so that a receiver may know either of them during a rotation. */
export function headersOf(id: string, body: string, secrets: readonly string[]): Record<string, string> {
  const now = new Date();
  return {
    'content-type': MESSAGE_TYPE,
    'user-agent': 'seckill',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
  };
}
