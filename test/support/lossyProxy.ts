import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** A proxy in front of a store that can lose a reply: the store executes the command, and then the connection breaks. */
export async function openLossyProxy(storeSocket: string, folder: string) {
  const sockets = new Set<Socket>();
  let loseReplyTo: string | undefined;
  const server = createServer((client) => {
    const store = connect(storeSocket);
    let losing = false;
    for (const socket of [client, store]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('data', (command) => {
      losing ||= loseReplyTo !== undefined && command.includes(loseReplyTo);
      store.write(command);
    });
    store.on('data', (reply) => {
      if (!losing) return client.write(reply);
      loseReplyTo = undefined;
      client.destroy();
      return store.destroy();
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
      loseReplyTo = text;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
