import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

interface Interruption {
  matches: (command: Buffer) => boolean;
  /** Before the command reaches the store, or when its reply arrives. */
  when: 'before' | 'after';
  /** Called just before the connection breaks. */
  onBreak: () => void;
}

/** A proxy in front of a store that can break the connection before a command, or after the store has executed it. */
export async function openLossyProxy(storeSocket: string, folder: string) {
  const sockets = new Set<Socket>();
  let next: Interruption | undefined;
  const server = createServer((client) => {
    const store = connect(storeSocket);
    let losing = false;
    const breakUp = () => {
      next?.onBreak();
      next = undefined;
      client.destroy();
      store.destroy();
    };
    for (const socket of [client, store]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('data', (command) => {
      if (next?.matches(command)) {
        if (next.when === 'before') return breakUp();
        losing = true;
      }
      store.write(command);
    });
    store.on('data', (reply) => {
      if (!losing || next === undefined) return client.write(reply);
      breakUp();
    });
    client.on('close', () => store.destroy());
    store.on('close', () => client.destroy());
  });
  const path = join(folder, 'proxy.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    socket: path,
    /** Loses the reply to the next command that contains this text. */
    loseReply: (text: string) => {
      next = { matches: (command) => command.includes(text), when: 'after', onBreak: () => {} };
    },
    interrupt: (interruption: Interruption) => {
      next = interruption;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
