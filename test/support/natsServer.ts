import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { findProgram } from '../../src/infra/local/install.ts';
import type { CloudEvent } from '../../src/subscribers/cloudEvent.ts';
import { createDataDir } from './dataDirs.ts';
import { freePort } from './freePort.ts';

/**
 * A NATS server with JetStream that keeps its data over a `kill` and a `start`. `args` are added to its arguments. `detached`: Ctrl-C
 * does not reach it.
 */
export async function openNatsServer({
  args = [],
  folder = createDataDir(),
  detached = false,
}: {
  args?: readonly string[];
  folder?: string;
  detached?: boolean;
} = {}) {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(
      findProgram('nats-server') ?? 'nats-server',
      ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', folder, ...args],
      { stdio: 'ignore', detached },
    );
    while (!(await listens(port))) await sleep(20);
  };
  /** SIGKILL unless another signal is given. */
  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    start,
    kill,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    close: () => kill(),
  };
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connectTcp(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

export interface Message {
  subject: string;
  id: string | undefined;
  event: CloudEvent;
}

/** The number of the last message that the stream has got; 0 while the stream is missing. */
export async function lastMessageOf(url: string, stream = 'SECKILL'): Promise<number> {
  const connection = await connect({ servers: url.replace('nats://', ''), reconnect: false });
  try {
    const manager = await jetstreamManager(connection);
    return (await manager.streams.info(stream).catch(() => undefined))?.state.last_seq ?? 0;
  } finally {
    await connection.close();
  }
}

/** All messages of the stream after the one with this number, in their order; none while the stream is missing. */
export async function messagesOf(url: string, stream = 'SECKILL', after = 0): Promise<Message[]> {
  const connection = await connect({ servers: url.replace('nats://', '') });
  try {
    const manager = await jetstreamManager(connection);
    const info = await manager.streams.info(stream).catch(() => undefined);
    const count = (info?.state.last_seq ?? 0) - after;
    if (count <= 0) return [];
    const { name } = await manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      mem_storage: true,
    });
    const consumer = await jetstream(connection).consumers.get(stream, name);
    const found: Message[] = [];
    while (found.length < count)
      for await (const message of await consumer.fetch({
        max_messages: count - found.length,
        expires: 2_000,
      }))
        found.push({
          subject: message.subject,
          id: message.headers?.get('Nats-Msg-Id'),
          event: message.json<CloudEvent>(),
        });
    return found;
  } finally {
    await connection.close();
  }
}
