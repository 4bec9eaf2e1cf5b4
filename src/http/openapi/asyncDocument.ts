import { readFileSync } from 'node:fs';
import { eventTypeSchema } from '../../subscribers/cloudEvent.ts';
import { exampleEvent } from './eventPaths.ts';
import { namedSchemas, refTo } from './schemas.ts';

/** The AsyncAPI document: the events, and how other systems get them. A test checks it with an AsyncAPI linter. */
export function createAsyncDocument() {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'seckill events',
      version: String(version),
      description:
        'Every event of every coupon, at least once. The events of one coupon arrive in order, and an event that arrives again has the ' +
        'same id. Events are CloudEvents 1.0 in JSON.',
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      contact: { name: 'The seckill authors' },
    },
    defaultContentType: 'application/cloudevents+json',
    channels: {
      stream: {
        address: '/api/events',
        title: 'The stream over HTTP',
        description:
          'Server-sent events for a request with `Accept: text/event-stream` and a token of `SERVICE_TOKENS`. The OpenAPI document ' +
          'has the parameters.',
        messages: { event: { $ref: '#/components/messages/event' } },
      },
      broker: {
        address: 'seckill.events.{type}.{couponId}',
        title: 'The stream of NATS JetStream',
        description:
          'With `NATS_URL`. `NATS_SUBJECT` may give the subjects another beginning. The header `Nats-Msg-Id` is the id of the event.',
        parameters: {
          type: { description: 'The type of the event.', enum: eventTypeSchema.options },
          couponId: { description: 'The id of the coupon.' },
        },
        messages: { event: { $ref: '#/components/messages/event' } },
      },
    },
    operations: {
      sendToStream: { action: 'send', channel: { $ref: '#/channels/stream' }, summary: 'Sends events to a reader.' },
      sendToBroker: { action: 'send', channel: { $ref: '#/channels/broker' }, summary: 'Publishes events.' },
    },
    components: {
      messages: {
        event: {
          name: 'CloudEvent',
          title: 'An event of a coupon',
          summary: 'What has happened to a coupon or one of its pieces.',
          contentType: 'application/cloudevents+json',
          payload: { $ref: refTo('CloudEvent') },
          examples: [{ name: 'CouponGrabbed', payload: exampleEvent }],
        },
      },
      schemas: { CloudEvent: namedSchemas().CloudEvent },
    },
  };
}
