import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';

/** Stands between the system and its Redis, and can lose a reply: the command is carried out, the connection goes. */
export async function openLossyProxy(redisUrl: string, folder: string) {
  const { pathname } = new URL(redisUrl);
  const sockets = new Set<Socket>();
  let loseReplyTo: string | undefined;
  const server = createServer((client) => {
    const redis = connect(decodeURIComponent(pathname));
    let losing = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    }
    client.on('data', (command) => {
      losing ||= loseReplyTo !== undefined && command.includes(loseReplyTo);
      redis.write(command);
    });
    redis.on('data', (reply) => {
      if (!losing) return client.write(reply);
      loseReplyTo = undefined;
      client.destroy();
      return redis.destroy();
    });
    client.on('close', () => redis.destroy());
    redis.on('close', () => client.destroy());
  });
  const path = join(folder, 'proxy.sock');
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    url: `unix://${path}`,
    /** The reply to the next command that holds this text never arrives. */
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
