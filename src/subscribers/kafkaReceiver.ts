import { compatibilityPartitioner, type MessageToProduce, Producer } from '@platformatic/kafka';
import type { Closer } from '../infra/closers.ts';
import type { CloudEvent } from './cloudEvent.ts';
import { type KafkaAccess, type KafkaSettings, kafkaAccess } from './kafkaAccess.ts';
import type { Receiver } from './receiver.ts';

const TIMEOUT_MS = 5_000;
/** A broker that has lost its leadership, or restarts, gets the same requests again before the delivery fails. */
const RETRIES = 3;
const RETRY_MS = 250;

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

/**
 * Produces to a topic of Kafka. The key is the id of the coupon, so its events are in one partition, in order. All replicas in sync
 * confirm, and the producer is idempotent: a request that is sent again is stored once. A producer that has failed is given up, since
 * the broker may or may not have its last request. The next one repeats a beginning of the same events, so even a late request of
 * the old one brings no event before an earlier one of its coupon.
 */
export function openKafkaReceiver(settings: KafkaSettings): { receiver: Receiver; close: Closer } {
  const access = kafkaAccess(settings);
  let producer: Producer<Buffer, Buffer, Buffer, Buffer> | undefined;
  const drop = async () => {
    const dropped = producer;
    producer = undefined;
    // It is given up whether its connections can be closed or not.
    await Promise.resolve(dropped?.close(true)).catch(() => {});
  };
  const receiver: Receiver = {
    async deliver(events) {
      producer ??= openProducer(access);
      try {
        await producer.send({ messages: events.map((event) => messageOf(event, settings.topic)) });
      } catch (error) {
        await drop();
        throw new Error(`KAFKA_BROKERS: ${reasonOf(error as Error, settings.topic)}`, { cause: error });
      }
    },
  };
  return { receiver, close: drop };
}

function openProducer(access: KafkaAccess) {
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    ...access,
    clientId: 'seckill',
    idempotent: true,
    autocreateTopics: false,
    // The partition that producers in Java choose for the same key.
    partitioner: compatibilityPartitioner,
    timeout: TIMEOUT_MS,
    connectTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS * 2,
    retries: RETRIES,
    retryDelay: RETRY_MS,
  });
  // The client listens for one error of a connection. A second one, such as a reset after a refused password, would end the process.
  producer.on('client:broker:connect', ({ connection }) => void connection.on('error', () => {}));
  producer.on('client:broker:failed', ({ connection }) => {
    connection.on('error', () => {});
    connection.socket?.destroy();
  });
  return producer;
}

/** The binary mode of the Kafka binding of CloudEvents: the attributes are headers, and the value is the data. */
export function messageOf({ data, datacontenttype, ...attributes }: CloudEvent, topic: string): Message {
  const headers = new Map([[Buffer.from('content-type'), Buffer.from(datacontenttype)]]);
  for (const [name, value] of Object.entries(attributes)) headers.set(Buffer.from(`ce_${name}`), Buffer.from(value));
  return { topic, key: Buffer.from(attributes.partitionkey), value: Buffer.from(JSON.stringify(data)), headers };
}

/** The innermost messages: the outer ones only count attempts. */
function reasonOf(error: Error, topic: string): string {
  const found = new Set<string>();
  const collect = (one: unknown): void => {
    if (!(one instanceof Error)) return;
    const { cause, errors = [] } = one as Error & { errors?: unknown[] };
    const inner = cause === undefined ? errors : [...errors, cause];
    if (inner.length === 0) found.add(one.message);
    for (const each of inner) collect(each);
  };
  collect(error);
  const reasons = [...found].join('; ');
  return /topic/i.test(reasons) ? `${reasons} (KAFKA_TOPIC: ${topic})` : reasons;
}
