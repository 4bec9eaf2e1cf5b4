import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** The way from the applications to one store. It can fail like a network does, and never leaves a hole in a stream. */
export interface StoreProxy {
  path: string;
  /** Ends every connection at once. */
  cut(): void;
  /**
   * The next command that holds this text reaches the store, its reply is lost and the connection goes. Resolves when it
   * has happened, or when no such command comes within the limit; then none is lost later either.
   */
  loseReplyTo(text: string, limitMs: number): Promise<void>;
  /** From now on no reply arrives, until it is called with how that ends: late, or with the connections. */
  swallow(): (end: 'deliver' | 'cut') => void;
  close(): Promise<void>;
}

interface Link {
  client: Socket;
  store: Socket;
  losing: boolean;
}

/** Listens on a socket of its own and passes everything to `target()`, asked at each connection. */
export async function openProxy(path: string, target: () => string): Promise<StoreProxy> {
  const links = new Set<Link>();
  let swallowing = false;
  let wanted: { text: string; happened: () => void } | undefined;
  const end = (link: Link) => {
    link.client.destroy();
    link.store.destroy();
    links.delete(link);
  };

  const server = createServer((client) => {
    const link: Link = { client, store: connect(target()), losing: false };
    links.add(link);
    const { store } = link;
    if (swallowing) store.pause();
    client.on('data', (command) => {
      link.losing ||= wanted !== undefined && command.includes(wanted.text);
      store.write(command);
    });
    store.on('data', (reply) => {
      if (!link.losing) return void client.write(reply);
      wanted?.happened();
      wanted = undefined;
      end(link);
    });
    // What the store said before it died was said: it is passed on before the connection ends.
    store.on('end', () => client.end());
    for (const socket of [client, store]) socket.on('error', () => {}).on('close', () => setImmediate(end, link));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const cut = () => [...links].forEach(end);
  return {
    path,
    cut,
    async loseReplyTo(text, limitMs) {
      const happened = new Promise<void>((resolve) => {
        wanted = { text, happened: resolve };
      });
      await Promise.race([happened, sleep(limitMs)]);
      wanted = undefined;
    },
    swallow() {
      swallowing = true;
      for (const { store } of links) store.pause();
      return (how) => {
        swallowing = false;
        if (how === 'cut') cut();
        for (const { store } of links) store.resume();
      };
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
