import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { createScram } from './kafkaScram.ts';
import { createReader, type KafkaRecord, type RecordBatch, readBatch, write } from './kafkaWire.ts';
import { serverPort } from './serverPort.ts';

// No Kafka runs on the machines of the tests. This is a cluster of two nodes in one process that speaks what an idempotent producer
// needs, at the versions of Kafka 3.9 and 4: ApiVersions, Metadata, InitProducerId, Produce, and the two requests of SASL. It checks
// batches, leaders and sequences as Kafka does, keeps records in memory, and replicates nothing.

const PRODUCE = 0;
const METADATA = 3;
const SASL_HANDSHAKE = 17;
const API_VERSIONS = 18;
const INIT_PRODUCER_ID = 22;
const SASL_AUTHENTICATE = 36;
const versions = [
  [PRODUCE, 3, 11],
  [METADATA, 0, 12],
  [SASL_HANDSHAKE, 0, 1],
  [API_VERSIONS, 0, 3],
  [INIT_PRODUCER_ID, 0, 5],
  [SASL_AUTHENTICATE, 0, 2],
] as const;
const NONE = 0;
const CORRUPT_MESSAGE = 2;
const UNKNOWN_TOPIC = 3;
const NOT_LEADER = 6;
const OUT_OF_ORDER = 45;
const INVALID_EPOCH = 47;
const AUTHENTICATION_FAILED = 58;
/** So many batches of a producer are recognised when they come again, as in Kafka. */
const REMEMBERED_BATCHES = 5;

interface Partition {
  leader: number;
  records: KafkaRecord[];
  producers: Map<bigint, { epoch: number; batches: { first: number; last: number; offset: number }[] }>;
}

/** What the tests see of a part of a Produce request. */
export interface Produced extends RecordBatch {
  node: number;
  partition: number;
  acks: number;
  error: number;
  /** Whether the batch was stored before, and is not stored again. */
  repeated: boolean;
}

export interface KafkaOptions {
  partitions?: number;
  tls?: { cert: string; key: string; ca?: string };
  user?: { name: string; password: string };
}

export async function openKafkaBroker({ partitions = 3, tls, user }: KafkaOptions = {}) {
  const topics = new Map<string, Partition[]>();
  const sockets = new Set<Socket>();
  const produced: Produced[] = [];
  const errors: string[] = [];
  let producerIds = 1_000n;
  /** What happens to the next Produce request: the connection breaks, before or after the batches are stored. */
  const breaks: ('before' | 'after')[] = [];

  const createTopic = (name: string) =>
    topics.set(
      name,
      Array.from({ length: partitions }, (_, i) => ({ leader: 1 + (i % 2), records: [], producers: new Map() })),
    );
  createTopic('events');

  function metadata(request: ReturnType<typeof createReader>): Buffer {
    const names = request.array(() => {
      request.blob(16);
      const name = request.compact()?.toString() ?? '';
      request.tags();
      return name;
    });
    const node = (id: number) =>
      Buffer.concat([
        write.int32(id),
        write.compact('localhost'),
        write.int32(ports[id - 1] ?? 0),
        write.compact(null),
        write.tags,
      ]);
    const numbers = (...ids: number[]) => write.array(ids.map(write.int32));
    const topic = (name: string) => {
      const found = topics.get(name);
      const described = (found ?? []).map(({ leader }, index) =>
        Buffer.concat([
          write.int16(NONE),
          write.int32(index),
          write.int32(leader),
          write.int32(0),
          numbers(1, 2),
          numbers(1, 2),
          numbers(),
          write.tags,
        ]),
      );
      return Buffer.concat([
        write.int16(found === undefined ? UNKNOWN_TOPIC : NONE),
        write.compact(name),
        Buffer.alloc(16),
        write.int8(0),
        write.array(described),
        write.int32(-2_147_483_648),
        write.tags,
      ]);
    };
    return Buffer.concat([
      write.int32(0),
      write.array([node(1), node(2)]),
      write.compact('test'),
      write.int32(1),
      write.array(names.map(topic)),
      write.tags,
    ]);
  }

  /** Stores the batch as Kafka does; resolves to the error and the offset of the first record. */
  function store(partition: Partition, batch: RecordBatch): { error: number; offset: number; repeated: boolean } {
    const { producerId, producerEpoch, baseSequence, records } = batch;
    const refused = (error: number) => ({ error, offset: -1, repeated: false });
    const producer = partition.producers.get(producerId) ?? { epoch: producerEpoch, batches: [] };
    if (producerEpoch < producer.epoch) return refused(INVALID_EPOCH);
    const last = baseSequence + records.length - 1;
    const known = producer.batches.find((one) => one.first === baseSequence && one.last === last);
    if (known !== undefined) return { error: NONE, offset: known.offset, repeated: true };
    if (baseSequence !== (producer.batches.at(-1)?.last ?? -1) + 1) return refused(OUT_OF_ORDER);
    const offset = partition.records.length;
    partition.records.push(...records);
    producer.batches = [...producer.batches, { first: baseSequence, last, offset }].slice(-REMEMBERED_BATCHES);
    partition.producers.set(producerId, producer);
    return { error: NONE, offset, repeated: false };
  }

  function produce(node: number, request: ReturnType<typeof createReader>): Buffer {
    request.compact();
    const acks = request.int16();
    request.int32();
    const responses = request.array(() => {
      const topic = request.compact()?.toString() ?? '';
      const parts = request.array(() => {
        const index = request.int32();
        const bytes = request.compact() ?? Buffer.alloc(0);
        request.tags();
        const partition = topics.get(topic)?.[index];
        let outcome = { error: UNKNOWN_TOPIC, offset: -1, repeated: false };
        try {
          const batch = readBatch(bytes);
          if (partition !== undefined)
            outcome =
              partition.leader === node ? store(partition, batch) : { error: NOT_LEADER, offset: -1, repeated: false };
          produced.push({ ...batch, node, partition: index, acks, error: outcome.error, repeated: outcome.repeated });
        } catch (error) {
          errors.push((error as Error).message);
          outcome.error = CORRUPT_MESSAGE;
        }
        return Buffer.concat([
          write.int32(index),
          write.int16(outcome.error),
          write.int64(outcome.offset),
          write.int64(-1),
          write.int64(0),
          write.array([]),
          write.compact(null),
          write.tags,
        ]);
      });
      request.tags();
      return Buffer.concat([write.compact(topic), write.array(parts), write.tags]);
    });
    return Buffer.concat([write.array(responses), write.int32(0), write.tags]);
  }

  function serve(node: number, socket: Socket): void {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let authenticated = user === undefined;
    let authenticate: ((bytes: Buffer) => { error: number; reply: Buffer; done: boolean }) | undefined;
    const answer = (request: Buffer): Buffer | undefined => {
      const reader = createReader(request);
      const [api, version, correlation] = [reader.int16(), reader.int16(), reader.int32()];
      reader.string();
      const reply = (...parts: Buffer[]) => Buffer.concat([write.int32(correlation), ...parts]);
      if (api === API_VERSIONS) {
        const entries = versions.map((entry) => Buffer.concat([...entry.map(write.int16), write.tags]));
        return reply(write.int16(NONE), write.array(entries), write.int32(0), write.tags);
      }
      if (api === SASL_HANDSHAKE) {
        const mechanism = reader.string() ?? '';
        authenticate = user === undefined ? undefined : createScram(mechanism, user, AUTHENTICATION_FAILED);
        const mechanisms = Buffer.concat([write.int32(1), write.string('PLAIN')]);
        return reply(write.int16(authenticate === undefined ? 33 : NONE), mechanisms);
      }
      reader.tags();
      if (api === SASL_AUTHENTICATE && authenticate !== undefined) {
        const { error, reply: bytes, done } = authenticate(reader.compact() ?? Buffer.alloc(0));
        authenticated = done;
        const reason = error === NONE ? null : 'Authentication failed';
        return reply(
          write.tags,
          write.int16(error),
          write.compact(reason),
          write.compact(bytes),
          write.int64(0),
          write.tags,
        );
      }
      // Kafka closes such a connection without an answer.
      if (!authenticated) return undefined;
      if (api === METADATA && version === 12) return reply(write.tags, metadata(reader));
      if (api === INIT_PRODUCER_ID && version >= 4)
        return reply(
          write.tags,
          write.int32(0),
          write.int16(NONE),
          write.int64(producerIds++),
          write.int16(0),
          write.tags,
        );
      if (api === PRODUCE && version >= 9) {
        const fault = breaks.shift();
        const done = fault === 'before' ? undefined : produce(node, reader);
        return done === undefined || fault === 'after' ? undefined : reply(write.tags, done);
      }
      errors.push(`request ${api} in version ${version}`);
      return undefined;
    };
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const size = received.readInt32BE(0);
        const reply = answer(received.subarray(4, 4 + size));
        received = received.subarray(4 + size);
        if (reply === undefined) return void socket.destroy();
        socket.write(Buffer.concat([write.int32(reply.length), reply]));
      }
    });
  }

  const listen = (node: number) =>
    tls === undefined
      ? createServer((socket) => serve(node, socket))
      : createTlsServer(
          {
            cert: readFileSync(tls.cert),
            key: readFileSync(tls.key),
            ...(tls.ca === undefined ? {} : { ca: readFileSync(tls.ca), requestCert: true }),
          },
          (socket) => serve(node, socket),
        );
  const servers: Server[] = [1, 2].map(listen);
  const ports = await Promise.all(servers.map(serverPort));

  return {
    brokers: ports.map((port) => `localhost:${port}`).join(','),
    produced,
    /** What the broker could not read. */
    errors,
    recordsOf: (topic = 'events') => (topics.get(topic) ?? []).map(({ records }) => records),
    createTopic,
    deleteTopic: (name: string) => void topics.delete(name),
    breakNext: (...when: ('before' | 'after')[]) => void breaks.push(...when),
    /** Each partition gets the other node as its leader. */
    moveLeaders() {
      for (const partition of topics.get('events') ?? []) partition.leader = 3 - partition.leader;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}
