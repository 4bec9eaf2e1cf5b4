import { z } from 'zod';
import { type CouponEvent, type EventType, eventDataSchemas } from '../events.ts';
import { isoTime } from '../queries/isoTime.ts';

// The events as other systems get them: CloudEvents 1.0 in JSON. A code is what a customer shows at the till, and an idempotency key
// lets its bearer repeat the request of a customer, so neither leaves this system.

const SECRET_FIELDS = ['code', 'idempotencyKey'];

const visible = (type: EventType) =>
  Object.fromEntries(Object.entries(eventDataSchemas[type].shape).filter(([field]) => !SECRET_FIELDS.includes(field)));

const cloudEventOf = <T extends EventType>(type: T) =>
  z.object({
    specversion: z.literal('1.0'),
    id: z.string().meta({
      description: 'Identifies the event for ever: the id of the coupon, a colon, and the version of the coupon.',
    }),
    source: z.string().meta({ description: 'Always `/seckill`.' }),
    type: z.literal(type),
    subject: z.string().meta({ description: 'The seller and the name of the coupon, with a slash between them.' }),
    time: z.string().meta({ format: 'date-time' }),
    datacontenttype: z.literal('application/json'),
    partitionkey: z.string().meta({ description: 'The id of the coupon: events of one coupon are in order.' }),
    sequence: z.string().meta({
      description:
        'The position in the event log, 20 digits. It has gaps, and says nothing about the order of two coupons.',
    }),
    data: z.object({
      coupon: z.object({ id: z.string(), seller: z.string(), name: z.string() }),
      version: z.int().min(1).meta({ description: 'Counts the events of the coupon: 1, 2, 3 without a gap.' }),
      ...visible(type),
    }),
  });

const eventTypes = Object.keys(eventDataSchemas) as [EventType, ...EventType[]];
export const eventTypeSchema = z.enum(eventTypes, 'Unexpected value of type.');

const schemas = Object.fromEntries(eventTypes.map((type) => [type, cloudEventOf(type)])) as unknown as {
  [T in EventType]: ReturnType<typeof cloudEventOf<T>>;
};
const [first, ...others] = eventTypes.map((type) => schemas[type]);

export const cloudEventSchema = z.discriminatedUnion('type', [first as NonNullable<typeof first>, ...others]);
export type CloudEvent = z.infer<typeof cloudEventSchema>;

/** The event at this position of the log. */
export function toCloudEvent(event: CouponEvent, position: number): CloudEvent {
  const { id, type, coupon, version, occurredAt, data } = event;
  return {
    specversion: '1.0',
    id,
    source: '/seckill',
    type,
    subject: `${coupon.seller}/${coupon.name}`,
    time: isoTime(occurredAt),
    datacontenttype: 'application/json',
    partitionkey: coupon.id,
    sequence: String(position).padStart(20, '0'),
    // The schema names what may leave: a field that it does not have stays here.
    data: schemas[type].shape.data.parse({ ...data, coupon, version }),
  };
}
