import { readFileSync } from 'node:fs';
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
    },
    operations: {
      sendToStream: { action: 'send', channel: { $ref: '#/channels/stream' }, summary: 'Sends events to a reader.' },
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
