import { connect, createServer, type Socket } from 'node:net';

/**
 * A proxy in front of a store that cuts connections that are silent for `idleMs`, as load balancers do. With `silently`, neither side
 * receives a word of it: what is sent afterwards disappears, as it does behind many firewalls.
 */
export async function openIdleProxy(path: string, storeSocket: string, idleMs: number, silently = false) {
  const sockets = new Set<Socket>();
  let cut = 0;
  const server = createServer((client) => {
    const store = connect(storeSocket);
    let isCut = false;
    let timer: NodeJS.Timeout | undefined;
    const rest = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        cut++;
        isCut = true;
        if (silently) return;
        client.destroy();
        store.destroy();
      }, idleMs);
    };
    rest();
    const pass = (from: Socket, to: Socket) =>
      from.on('data', (data) => {
        if (isCut) return;
        rest();
        to.write(data);
      });
    pass(client, store);
    pass(store, client);
    for (const [socket, other] of [
      [client, store],
      [store, client],
    ] as const) {
      sockets.add(socket);
      socket
        .on('error', () => {})
        .on('close', () => {
          clearTimeout(timer);
          sockets.delete(socket);
          other.destroy();
        });
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    /** The number of connections that were cut. */
    cut: () => cut,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
