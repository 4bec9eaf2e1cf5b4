import { connect, createServer, type NetConnectOpts, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A proxy between the applications and one server. It fails as networks do, and never leaves a hole in a stream. */
export interface StoreProxy {
  /** The socket or the port. */
  path: string;
  /**
   * The next command with this text reaches the store, then its reply is lost and the connection ends. Resolves when that has
   * happened, or when the limit has passed without such a command; after the limit no reply is lost.
   */
  loseReplyTo(text: string, limitMs: number): Promise<void>;
  /**
   * The COMMIT of the next transaction with this text reaches the store so much later, and other connections go on meanwhile.
   * Resolves to false when no such transaction comes within the limit.
   */
  commitLate(text: string, ms: number, limitMs: number): Promise<boolean>;
  /** Withholds all replies until the returned function is called: `deliver` sends them late, `cut` ends the connections. */
  withholdReplies(): (end: 'deliver' | 'cut') => void;
  /** Resolves when a command with this text has come; its reply is withheld already. Gives up after the limit and withholds nothing. */
  withholdRepliesFrom(text: string, limitMs: number): Promise<((end: 'deliver' | 'cut') => void) | undefined>;
  close(): Promise<void>;
}

interface Link {
  client: Socket;
  store: Socket;
  losing: boolean;
  /** How much later the next COMMIT goes to the store. */
  lateMs: number;
}

/**
 * Listens on a socket of its own, or on this port of 127.0.0.1. Each connection goes to the address that `target` returns at that
 * moment.
 */
export async function openStoreProxy(path: string | number, target: () => string | number): Promise<StoreProxy> {
  const links = new Set<Link>();
  let withholding = false;
  let replyToLose: { text: string; onLost: () => void } | undefined;
  let lateCommit: { text: string; ms: number; onSent: () => void } | undefined;
  let firstToWithhold: { text: string; onSeen: () => void } | undefined;
  const end = (link: Link) => {
    link.client.destroy();
    link.store.destroy();
    links.delete(link);
  };

  const server = createServer((client) => {
    const link: Link = { client, store: connect(addressOf(target())), losing: false, lateMs: 0 };
    links.add(link);
    const { store } = link;
    if (withholding) store.pause();
    client.on('data', (command) => {
      if (firstToWithhold !== undefined && command.includes(firstToWithhold.text)) {
        firstToWithhold.onSeen();
        firstToWithhold = undefined;
      }
      link.losing ||= replyToLose !== undefined && command.includes(replyToLose.text);
      if (lateCommit !== undefined && command.includes(lateCommit.text)) link.lateMs = lateCommit.ms;
      if (link.lateMs === 0 || !command.includes('COMMIT;')) return void store.write(command);
      client.pause();
      setTimeout(() => {
        lateCommit?.onSent();
        lateCommit = undefined;
        store.write(command);
        client.resume();
      }, link.lateMs);
      link.lateMs = 0;
    });
    store.on('data', (reply) => {
      if (!link.losing) return void client.write(reply);
      replyToLose?.onLost();
      replyToLose = undefined;
      end(link);
    });
    // Replies that the store sent before it died are passed on before the connection ends.
    store.on('end', () => client.end());
    for (const socket of [client, store]) socket.on('error', () => {}).on('close', () => setImmediate(end, link));
  });
  await new Promise<void>((resolve) => server.listen(addressOf(path), resolve));
  const cut = () => [...links].forEach(end);
  const withholdReplies: StoreProxy['withholdReplies'] = () => {
    withholding = true;
    for (const { store } of links) store.pause();
    return (how) => {
      withholding = false;
      if (how === 'cut') cut();
      for (const { store } of links) store.resume();
    };
  };
  return {
    path: String(path),
    async loseReplyTo(text, limitMs) {
      const lost = new Promise<void>((resolve) => {
        replyToLose = { text, onLost: resolve };
      });
      await Promise.race([lost, sleep(limitMs)]);
      replyToLose = undefined;
    },
    async commitLate(text, ms, limitMs) {
      const sent = new Promise<boolean>((resolve) => {
        lateCommit = { text, ms, onSent: () => resolve(true) };
      });
      return Promise.race([sent, sleep(limitMs, false, { ref: false })]);
    },
    withholdReplies,
    async withholdRepliesFrom(text, limitMs) {
      const seen = new Promise<ReturnType<typeof withholdReplies>>((resolve) => {
        firstToWithhold = { text, onSeen: () => resolve(withholdReplies()) };
      });
      const withheld = await Promise.race([seen, sleep(limitMs)]);
      firstToWithhold = undefined;
      return withheld ?? undefined;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

const addressOf = (at: string | number): NetConnectOpts & { path?: string } =>
  typeof at === 'string' ? { path: at } : { host: '127.0.0.1', port: at };
