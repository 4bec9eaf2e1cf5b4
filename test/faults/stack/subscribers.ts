import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Closer, openAll } from '../../../src/infra/closers.ts';
import { ensurePrograms } from '../../../src/infra/local/install.ts';
import type { CloudEvent } from '../../../src/subscribers/cloudEvent.ts';
import { placeOf } from '../../../src/subscribers/cursor.ts';
import { freePort } from '../../support/freePort.ts';
import { lastMessageOf, messagesOf, openNatsServer } from '../../support/natsServer.ts';
import { openStoreProxy, type StoreProxy } from './storeProxy.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const STREAM = 'SECKILL';

/** A process outside of the system that a fault can kill and freeze. */
export interface OtherSystem {
  start(): Promise<void>;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

/** How far the subscribers were before a round. */
export interface Mark {
  messages: number;
  bytes: number;
}

/** The systems that get the events: an order system that follows the feed, and a NATS server. */
export interface Subscribers {
  /** Settings of the applications. */
  environment: Record<string, string>;
  orderSystem: OtherSystem;
  broker: OtherSystem;
  /** Between the applications and the broker. */
  brokerProxy: StoreProxy;
  /** Makes the order system start with the first event of a new log. It is not running then. */
  forget(): Promise<void>;
  /** Starts the order system when it does not run: it reads pages, or a stream. */
  follow(way: 'pages' | 'stream'): Promise<void>;
  mark(): Promise<Mark>;
  /** The number of messages in the stream of the broker. */
  messageCount(): Promise<number>;
  /** The position in the log up to which the order system has stored the events. */
  orderSystemAt(): number;
  /** The events that each subscriber has got since then, in the order in which it got them. */
  eventsSince(mark: Mark): Promise<{ orderSystem: CloudEvent[]; broker: CloudEvent[] }>;
}

/** `application`: the port of an application that listens now. */
export const openSubscribers = (
  stackFolder: string,
  application: () => number,
  announce: (line: string) => void,
): Promise<{ subscribers: Subscribers; close: Closer }> =>
  openAll(async (remember) => {
    ensurePrograms(['nats-server'], announce);
    const token = randomBytes(32).toString('hex');
    const nats = await openNatsServer({ folder: join(stackFolder, 'nats'), detached: true });
    remember(nats.close);
    const brokerProxy = await openStoreProxy(await freePort(), () => nats.port);
    remember(brokerProxy.close);
    // The applications get new ports when they start. A reader comes to another application with each connection.
    const feedProxy = await openStoreProxy(await freePort(), application);
    remember(feedProxy.close);

    let child: ChildProcess | undefined;
    let folders = 0;
    let way: 'pages' | 'stream' = 'pages';
    const folder = () => join(stackFolder, `order-system-${folders}`);
    const eventsFile = () => join(folder(), 'events.ndjson');
    const isRunning = () => child !== undefined && child.exitCode === null && child.signalCode === null;
    const orderSystem: OtherSystem = {
      async start() {
        mkdirSync(folder(), { recursive: true });
        const log = openSync(join(stackFolder, 'order-system.log'), 'a', 0o600);
        const program = ['bin/run.mjs', 'test/faults/subscriber/orderSystem.ts'];
        child = spawn(process.execPath, [...program, `http://127.0.0.1:${feedProxy.path}`, folder(), way], {
          cwd: root,
          env: { PATH: process.env.PATH, HOME: process.env.HOME, SERVICE_TOKEN: token },
          detached: true,
          stdio: ['ignore', 'ignore', log],
        });
        closeSync(log);
      },
      async kill() {
        if (child === undefined || !isRunning()) return;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      },
      freeze: () => void child?.kill('SIGSTOP'),
      thaw: () => void child?.kill('SIGCONT'),
    };
    remember(orderSystem.kill);
    const subscribers: Subscribers = {
      environment: {
        NATS_URL: `nats://127.0.0.1:${brokerProxy.path}`,
        NATS_STREAM: STREAM,
        SERVICE_TOKENS: `orders=${token}`,
      },
      orderSystem,
      broker: { start: nats.start, kill: () => nats.kill(), freeze: nats.freeze, thaw: nats.thaw },
      brokerProxy,
      async forget() {
        await orderSystem.kill();
        folders++;
      },
      async follow(next) {
        if (isRunning() && next === way) return;
        await orderSystem.kill();
        way = next;
        await orderSystem.start();
      },
      mark: async () => ({
        messages: await lastMessageOf(nats.url, STREAM),
        bytes: existsSync(eventsFile()) ? statSync(eventsFile()).size : 0,
      }),
      messageCount: () => lastMessageOf(nats.url, STREAM),
      orderSystemAt() {
        const cursor = join(folder(), 'cursor');
        return existsSync(cursor) ? (placeOf(readFileSync(cursor, 'utf8'))?.position ?? 0) : 0;
      },
      async eventsSince({ messages, bytes }) {
        const lines = existsSync(eventsFile()) ? readFileSync(eventsFile()).subarray(bytes).toString() : '';
        return {
          orderSystem: lines
            .split('\n')
            .filter((line) => line !== '')
            .map((line) => JSON.parse(line)),
          broker: (await messagesOf(nats.url, STREAM, messages)).map(({ event }) => event),
        };
      },
    };
    return { subscribers };
  });
