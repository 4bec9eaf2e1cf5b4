import {
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  jetstream,
  jetstreamManager,
  type StreamConfig,
} from '@nats-io/jetstream';
import { type ConnectionOptions, connect, headers, type NatsConnection, nanos } from '@nats-io/transport-node';
import type { Closer } from '../infra/closers.ts';
import type { CloudEvent } from './cloudEvent.ts';
import { parseNatsUrl } from './natsAddress.ts';
import type { Receiver } from './receiver.ts';

const TIMEOUT_MS = 5_000;
/** For how long the broker recognises a repeated event, in a stream that is created here. */
const DUPLICATE_WINDOW_MS = 10 * 60_000;

export interface NatsSettings {
  url: string;
  stream: string;
  /** The first part of the subjects. */
  subject: string;
}

/**
 * Connects with the first delivery, and publishes to a stream of NATS JetStream. The subject is `PREFIX.TYPE.COUPON-ID`: names of sellers may have dots and spaces, which a
 * subject cannot. The message id is the id of the event, so a repeat within the window of the stream is one message.
 */
export function openNatsReceiver(settings: NatsSettings): { receiver: Receiver; close: Closer } {
  const address = parseNatsUrl(settings.url);
  let opened: Promise<Connected> | undefined;
  const drop = async () => {
    const dropped = opened;
    opened = undefined;
    const { connection } = (await dropped?.catch(() => undefined)) ?? {};
    await connection?.close().catch(() => {});
  };
  const receiver: Receiver = {
    async deliver(events) {
      opened ??= connectTo(address, settings);
      try {
        const { stream } = await opened;
        await publish(stream, settings.subject, events);
      } catch (error) {
        // What the broker has got on this connection is unknown, so nothing more is sent on it.
        await drop();
        throw error;
      }
    },
  };
  return { receiver, close: drop };
}

interface Connected {
  connection: NatsConnection;
  stream: JetStreamClient;
}

async function connectTo(address: ConnectionOptions, { stream, subject }: NatsSettings): Promise<Connected> {
  const connection = await connect({
    ...address,
    name: 'seckill',
    timeout: TIMEOUT_MS,
    // A connection that comes back by itself would send old messages between new ones.
    reconnect: false,
  }).catch((error) => {
    throw new Error(`NATS_URL: cannot connect: ${error.message}`, { cause: error });
  });
  try {
    await ensureStream(connection, stream, `${subject}.>`);
    return { connection, stream: jetstream(connection, { timeout: TIMEOUT_MS }) };
  } catch (error) {
    await connection.close().catch(() => {});
    throw error;
  }
}

/** Creates the stream if it is missing. The settings of an existing one are its operator's. */
async function ensureStream(connection: NatsConnection, name: string, subjects: string): Promise<void> {
  const manager = await jetstreamManager(connection, { timeout: TIMEOUT_MS });
  try {
    const { config } = await manager.streams.info(name);
    if (!config.subjects?.some((pattern) => covers(pattern, subjects)))
      throw new Error(`NATS_STREAM: the stream ${name} does not take the subjects ${subjects}`);
  } catch (error) {
    if (!(error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound)) throw error;
    const config: Partial<StreamConfig> & { name: string } = {
      name,
      subjects: [subjects],
      storage: 'file',
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    };
    await manager.streams.add(config);
  }
}

/** Whether every subject of one pattern is one of the other. */
function covers(pattern: string, subjects: string): boolean {
  const [wanted, given] = [subjects.split('.'), pattern.split('.')];
  for (const [i, token] of given.entries()) {
    if (token === '>') return wanted.length > i;
    if (wanted[i] === '>' || (token !== '*' && token !== wanted[i])) return false;
  }
  return given.length === wanted.length;
}

/**
 * Sends all events at once, and waits for the broker to confirm each. Every message but the first names the one before it: when the
 * broker has not got that one, it refuses the message, so no event overtakes another that was lost on the way.
 */
async function publish(stream: JetStreamClient, prefix: string, events: readonly CloudEvent[]): Promise<void> {
  const sent = events.map((event, i) => {
    const previous = events[i - 1]?.id;
    const h = headers();
    h.set('Content-Type', 'application/cloudevents+json');
    return stream.publish(`${prefix}.${event.type}.${event.partitionkey}`, JSON.stringify(event), {
      msgID: event.id,
      headers: h,
      timeout: TIMEOUT_MS,
      ...(previous === undefined ? {} : { expect: { lastMsgID: previous } }),
    });
  });
  const failure = (await Promise.allSettled(sent)).find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
