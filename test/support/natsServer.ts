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

/** A NATS server with JetStream that keeps its data over a `kill` and a `start`. `args` are added to its arguments. */
export async function openNatsServer(args: readonly string[] = []) {
  const port = await freePort();
  const folder = createDataDir();
  let child: ChildProcess | undefined;
  const start = async () => {
    child = spawn(
      findProgram('nats-server') ?? 'nats-server',
      ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', folder, ...args],
      { stdio: 'ignore' },
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
  return { url: `nats://127.0.0.1:${port}`, start, kill, close: () => kill() };
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

/** All messages of the stream, in their order; none while the stream is missing. */
export async function messagesOf(url: string, stream = 'SECKILL'): Promise<Message[]> {
  const connection = await connect({ servers: url.replace('nats://', '') });
  try {
    const manager = await jetstreamManager(connection);
    const info = await manager.streams.info(stream).catch(() => undefined);
    if (info === undefined || info.state.messages === 0) return [];
    const { name } = await manager.consumers.add(stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.All,
      mem_storage: true,
    });
    const consumer = await jetstream(connection).consumers.get(stream, name);
    const found: Message[] = [];
    while (found.length < info.state.messages)
      for await (const message of await consumer.fetch({
        max_messages: info.state.messages - found.length,
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
