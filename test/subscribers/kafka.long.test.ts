import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readConfig } from '../../src/config.ts';
import { connectMysql } from '../../src/infra/stores/mysql.ts';
import { type CloudEvent, toCloudEvent } from '../../src/subscribers/cloudEvent.ts';
import { openKafkaReceiver } from '../../src/subscribers/kafkaReceiver.ts';
import { createCertificates } from '../support/certificates.ts';
import { createClient } from '../support/httpClient.ts';
import { type KafkaOptions, openKafkaBroker } from '../support/kafkaBroker.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { couponRef, created, grabbed } from '../support/sampleEvents.ts';
import { openTestStores } from '../support/testStores.ts';
import { until } from '../support/until.ts';

// The broker of these tests speaks the protocol of Kafka and is none: see test/support/kafkaBroker.ts.

const { ca, strangeCa, serverCert, serverKey, clientCert, clientKey } = await createCertificates();
const test = suite('events to Kafka');
const settingsOf = (brokers: string, more: NodeJS.ProcessEnv = {}) => {
  const { kafka } = readConfig({ KAFKA_BROKERS: brokers, KAFKA_TOPIC: 'events', ...more });
  if (kafka === undefined) throw new Error('no Kafka');
  return kafka;
};
/** The creation of a coupon and grabs, from this version on. */
const eventsOf = (coupon: ReturnType<typeof couponRef>, from: number, to: number): CloudEvent[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i).map((version) =>
    toCloudEvent(
      version === 1 ? created(coupon, 1_000) : grabbed(coupon, version, `c${version}`, 1_000 - version),
      version,
    ),
  );
const fixedId = (number: number) => `0190aaaa-0000-7000-8000-${String(number).padStart(12, '0')}`;
type Broker = Awaited<ReturnType<typeof openKafkaBroker>>;
/** Closed at the end, also when a test fails. */
const left: (() => Promise<void> | void)[] = [];
async function openBroker(options?: KafkaOptions): Promise<Broker> {
  const broker = await openKafkaBroker(options);
  left.push(broker.close);
  return broker;
}
function openReceiver(settings: ReturnType<typeof settingsOf>) {
  const opened = openKafkaReceiver(settings);
  left.push(opened.close);
  return opened;
}
const idsIn = (broker: Broker) =>
  broker.recordsOf().map((records) => records.map(({ headers }) => headers.ce_id ?? ''));

/** Every partition has each coupon's versions 1, 2, 3 without a gap and without a repeat. */
function mustBeOnceAndInOrder(broker: Broker, expected: readonly CloudEvent[]): void {
  const found = idsIn(broker).flat();
  assert.equal(found.toSorted(), expected.map(({ id }) => id).toSorted());
  for (const ids of idsIn(broker)) {
    const highest = new Map<string, number>();
    for (const [coupon = '', version] of ids.map((id) => id.split(':'))) {
      assert.is(Number(version), (highest.get(coupon) ?? 0) + 1);
      highest.set(coupon, Number(version));
    }
  }
  assert.equal(broker.errors, []);
}

test('an event is a record with its coupon as the key, its attributes as headers, and its data as the value', async () => {
  const broker = await openBroker();
  const { receiver, close } = openReceiver(settingsOf(broker.brokers));
  const [event] = eventsOf(couponRef('tea'), 1, 1);
  await receiver.deliver(event === undefined ? [] : [event]);
  await close();

  const [record] = broker.recordsOf().flat();
  assert.is(record?.key, event?.data.coupon.id);
  assert.equal(JSON.parse(record?.value ?? ''), JSON.parse(JSON.stringify(event?.data)));
  assert.equal(record?.headers, {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: event?.id,
    ce_source: '/seckill',
    ce_type: 'CouponCreated',
    ce_subject: event?.subject,
    ce_time: event?.time,
    ce_partitionkey: event?.partitionkey,
    ce_sequence: '00000000000000000001',
  });
  await broker.close();
});

test('the events of a coupon are in one partition and in order, and all replicas confirm the requests of one producer', async () => {
  const broker = await openBroker();
  const { receiver, close } = openReceiver(settingsOf(broker.brokers));
  // Fixed ids: with random ones a partition stays empty once in 40 runs.
  const coupons = Array.from({ length: 12 }, (_, i) => ({ ...couponRef(`coupon ${i}`), id: fixedId(i) }));
  const [first, second] = [
    coupons.flatMap((one) => eventsOf(one, 1, 20)),
    coupons.flatMap((one) => eventsOf(one, 21, 40)),
  ];
  await receiver.deliver(first);
  await receiver.deliver(second);
  await close();

  mustBeOnceAndInOrder(broker, [...first, ...second]);
  assert.ok(idsIn(broker).every((ids) => ids.length > 0));
  assert.equal(new Set(broker.produced.map(({ acks }) => acks)), new Set([-1]));
  assert.is(new Set(broker.produced.map(({ producerId }) => producerId)).size, 1);
  await broker.close();
});

test('a key is in the partition that producers in Java choose', async () => {
  const broker = await openBroker({ partitions: 1_000 });
  const { receiver, close } = openReceiver(settingsOf(broker.brokers));
  const [event] = eventsOf(couponRef('tea'), 1, 1);
  // Murmur2 of "foobar" in the tests of Kafka is -790332482; the sign is removed.
  await receiver.deliver(event === undefined ? [] : [{ ...event, partitionkey: 'foobar' }]);
  await close();

  assert.is(
    broker.recordsOf().findIndex((records) => records.length > 0),
    (-790_332_482 & 0x7fffffff) % 1_000,
  );
  await broker.close();
});

for (const when of ['before', 'after'] as const)
  test(`given a connection that breaks ${when} the events are stored, the same request comes again, and each event is stored once`, async () => {
    const broker = await openBroker();
    const { receiver, close } = openReceiver(settingsOf(broker.brokers));
    const tea = couponRef('tea');
    await receiver.deliver(eventsOf(tea, 1, 5));
    broker.breakNext(when);
    await receiver.deliver(eventsOf(tea, 6, 10));
    await receiver.deliver(eventsOf(tea, 11, 12));
    await close();

    mustBeOnceAndInOrder(broker, eventsOf(tea, 1, 12));
    assert.equal(
      broker.produced.map(({ baseSequence, repeated }) => [baseSequence, repeated]),
      when === 'after'
        ? [
            [0, false],
            [5, false],
            [5, true],
            [10, false],
          ]
        : [
            [0, false],
            [5, false],
            [10, false],
          ],
    );
    await broker.close();
  });

test('given partitions with new leaders, the events go to them', async () => {
  const broker = await openBroker();
  const { receiver, close } = openReceiver(settingsOf(broker.brokers));
  const coupons = Array.from({ length: 12 }, (_, i) => couponRef(`coupon ${i}`));
  await receiver.deliver(coupons.flatMap((one) => eventsOf(one, 1, 3)));
  broker.moveLeaders();
  const more = coupons.flatMap((one) => eventsOf(one, 4, 6));
  // A delivery may fail: the subscription then repeats it.
  for (let attempt = 0; attempt < 3; attempt++) {
    const failed = await receiver.deliver(more).then(
      () => false,
      () => true,
    );
    if (!failed) break;
  }
  await close();

  assert.ok(broker.produced.some(({ error }) => error === 6));
  const highest = new Map<string, number>();
  for (const ids of idsIn(broker))
    for (const [coupon = '', version] of ids.map((id) => id.split(':'))) {
      assert.ok(Number(version) <= (highest.get(coupon) ?? 0) + 1);
      highest.set(coupon, Math.max(highest.get(coupon) ?? 0, Number(version)));
    }
  assert.equal(
    [...highest.values()],
    coupons.map(() => 6),
  );
  await broker.close();
});

test('given connections that break again and again, the delivery fails, and the next one repeats the events in order', async () => {
  const broker = await openBroker();
  const { receiver, close } = openReceiver(settingsOf(broker.brokers));
  const tea = couponRef('tea');
  await receiver.deliver(eventsOf(tea, 1, 2));
  broker.breakNext(...Array.from({ length: 4 }, () => 'after' as const));
  const reason = await receiver.deliver(eventsOf(tea, 3, 5)).then(
    () => '',
    ({ message }) => message,
  );
  await receiver.deliver(eventsOf(tea, 3, 4));
  await receiver.deliver(eventsOf(tea, 5, 7));
  await close();

  assert.match(reason, /^KAFKA_BROKERS: /);
  // The first of each is in order; what comes again has the same ids.
  const ids = idsIn(broker).flat();
  assert.equal(
    [...new Set(ids)],
    eventsOf(tea, 1, 7).map(({ id }) => id),
  );
  await broker.close();
});

test('given a topic that is missing, the delivery fails with its name, and goes on when it exists', async () => {
  const broker = await openBroker();
  const { receiver, close } = openReceiver(settingsOf(broker.brokers, { KAFKA_TOPIC: 'later' }));
  const events = eventsOf(couponRef('tea'), 1, 3);
  const reason = await receiver.deliver(events).then(
    () => '',
    ({ message }) => message,
  );
  broker.createTopic('later');
  await receiver.deliver(events);
  await close();

  assert.match(reason, /^KAFKA_BROKERS: .*\(KAFKA_TOPIC: later\)$/);
  assert.is(broker.recordsOf('later').flat().length, 3);
  await broker.close();
});

test('given a topic that is deleted, the delivery fails, and goes on with the same events when it exists again', async () => {
  const broker = await openBroker();
  const { receiver, close } = openReceiver(settingsOf(broker.brokers));
  const tea = couponRef('tea');
  await receiver.deliver(eventsOf(tea, 1, 3));
  broker.deleteTopic('events');
  const reason = await receiver.deliver(eventsOf(tea, 4, 6)).then(
    () => '',
    ({ message }) => message,
  );
  broker.createTopic('events');
  await receiver.deliver(eventsOf(tea, 4, 6));
  await close();

  assert.match(reason, /^KAFKA_BROKERS: .*topic/);
  assert.ok(broker.produced.some(({ error }) => error === 3));
  assert.equal(
    idsIn(broker).flat(),
    eventsOf(tea, 4, 6).map(({ id }) => id),
  );
  await broker.close();
});

const user = { name: 'shop', password: 'a-password' };
const login = { KAFKA_USER: 'shop', KAFKA_PASSWORD: 'a-password' };
const encrypted = { KAFKA_TLS: '1', KAFKA_CA: ca };
const tls = { cert: serverCert, key: serverKey };
const works: [what: string, options: KafkaOptions, settings: NodeJS.ProcessEnv][] = [
  ['TLS with a private CA', { tls }, encrypted],
  ['a client certificate', { tls: { ...tls, ca } }, { ...encrypted, KAFKA_CERT: clientCert, KAFKA_KEY: clientKey }],
  ['SASL PLAIN over TLS', { tls, user }, { ...encrypted, ...login, KAFKA_SASL: 'PLAIN' }],
  ['SASL SCRAM-SHA-256', { user }, { ...login, KAFKA_SASL: 'SCRAM-SHA-256' }],
  ['SASL SCRAM-SHA-512 over TLS', { tls, user }, { ...encrypted, ...login, KAFKA_SASL: 'SCRAM-SHA-512' }],
];
for (const [what, options, settings] of works)
  test(`with ${what}, the events are stored`, async () => {
    const broker = await openBroker(options);
    const { receiver, close } = openReceiver(settingsOf(broker.brokers, settings));
    await receiver.deliver(eventsOf(couponRef('tea'), 1, 3));
    await close();
    assert.is(broker.recordsOf().flat().length, 3);
    await broker.close();
  });

const wrong = { KAFKA_USER: 'shop', KAFKA_PASSWORD: 'not-it' };
const atAddress = (brokers: string) => brokers.replaceAll('localhost', '127.0.0.1');
const fails: [
  what: string,
  options: KafkaOptions,
  settings: NodeJS.ProcessEnv,
  reason: RegExp,
  brokersOf?: (brokers: string) => string,
][] = [
  ['the CA of a stranger', { tls }, { ...encrypted, KAFKA_CA: strangeCa }, /certificate/],
  ['a CA that is not given', { tls }, { KAFKA_TLS: '1' }, /certificate/],
  ['an address that is not in the certificate', { tls }, encrypted, /altnames/, atAddress],
  ['TLS to a broker without it', {}, encrypted, /TLS|closed|timed out|wrong version/i],
  ['a wrong password for PLAIN', { tls, user }, { ...encrypted, ...wrong, KAFKA_SASL: 'PLAIN' }, /[Aa]uthentication/],
  ['a wrong password for SCRAM', { user }, { ...wrong, KAFKA_SASL: 'SCRAM-SHA-256' }, /[Aa]uthentication/],
];
for (const [what, options, settings, reason, brokersOf = (brokers: string) => brokers] of fails)
  test(`with ${what}, nothing is stored, and the reason names the setting and no password`, async () => {
    const broker = await openBroker(options);
    const { receiver, close } = openReceiver(settingsOf(brokersOf(broker.brokers), settings));
    const found = await receiver.deliver(eventsOf(couponRef('tea'), 1, 1)).then(
      () => '',
      ({ message }) => message,
    );
    await close();
    assert.match(found, /^KAFKA_BROKERS: /);
    assert.match(found, reason);
    assert.not.match(found, /not-it|a-password/);
    assert.equal(broker.recordsOf().flat(), []);
    await broker.close();
  });

const refused: [what: string, settings: NodeJS.ProcessEnv, reason: RegExp][] = [
  ['a broker without a port', { KAFKA_BROKERS: 'broker' }, /^KAFKA_BROKERS: expected host:port/],
  ['a CA without TLS', { KAFKA_CA: ca }, /^KAFKA_TLS: must be 1/],
  ['a file that is missing', { KAFKA_TLS: '1', KAFKA_CA: '/no/such/file' }, /^KAFKA_CA: cannot read \/no\/such\/file/],
  ['a certificate without its key', { KAFKA_TLS: '1', KAFKA_CERT: clientCert }, /^KAFKA_CA: a client certificate and/],
  ['a password without a mechanism', login, /^KAFKA_SASL: required/],
  ['a mechanism without a password', { KAFKA_SASL: 'SCRAM-SHA-256', KAFKA_USER: 'shop' }, /^KAFKA_SASL: needs/],
  ['PLAIN without TLS', { ...login, KAFKA_SASL: 'PLAIN' }, /^KAFKA_SASL: PLAIN sends the password/],
];
for (const [what, settings, reason] of refused)
  test(`settings with ${what} are refused at the start`, () => {
    assert.throws(() => settingsOf('localhost:9092', settings), reason);
  });

test('a server with two processes sends every event of a sale, once and in order', async () => {
  const broker = await openBroker({ tls, user });
  const stores = await openTestStores({ KAFKA_BROKERS: broker.brokers, KAFKA_TOPIC: 'events' });
  const access = { ...encrypted, ...login, KAFKA_SASL: 'PLAIN' };
  const server = startProgram('src/main.ts', { ...stores.environment, ...access, WORKERS: '2' });
  const client = createClient(await server.listening);
  const ann = await client.enter('ann', 'seller');
  await client.create(ann, 'ann', { name: 'tea', amount: 50, stock: 5, description: '', perCustomer: 50 });
  const bob = await client.enter('bob', 'customer');
  for (let i = 0; i < 50; i++) await client.grab(bob, 'ann', 'tea');
  const { mysql, close } = connectMysql(stores.config.mysqlUrl, 1);
  await until('51 records are stored', () => broker.recordsOf().flat().length >= 51);

  const logged = await mysql('event_log').select('version');
  assert.is(logged.length, 51);
  assert.equal(
    broker
      .recordsOf()
      .flat()
      .map(({ value }) => JSON.parse(value).version),
    Array.from({ length: 51 }, (_, i) => i + 1),
  );
  server.kill('SIGTERM');
  await server.ended;
  await close();
  await stores.close();
  await broker.close();
});

test.after(async () => {
  await endPrograms();
  for (const close of left) await close();
});
test.run();
