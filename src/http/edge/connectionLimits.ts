import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Counter, Gauge, type Registry } from 'prom-client';
import { peerAddress } from '../../infra/limits/clientAddress.ts';
import type { Log } from '../../infra/telemetry/log.ts';

/** The numbers of connections that may be open at this process at once. */
export interface ConnectionLimits {
  total: number;
  /** 0: no limit. */
  perAddress: number;
}

export interface ConnectionCounts {
  open: () => number;
  /** The connections that were closed at once, by the limit that was reached. */
  refused: Readonly<Record<'address' | 'total', number>>;
}

/** Files that are no connections of clients: those of Node, the log, the stores, the port for operators. */
const RESERVED_FILES = 128;

/** Without MAX_CONNECTIONS. */
const DEFAULT_CONNECTIONS = 20_000;

/**
 * The limits of one process: its share of the settings. When the process may not open so many files, the total is lowered, because a
 * process without file descriptors can neither accept a connection nor reach its stores.
 */
export function limitsOfProcess(
  settings: { maxConnections: number | undefined; maxConnectionsPerAddress: number; workers: number },
  openFiles: number | undefined,
  log: Log,
): ConnectionLimits {
  const share = (limit: number) => Math.ceil(limit / settings.workers);
  const wanted = share(settings.maxConnections ?? DEFAULT_CONNECTIONS);
  const possible = Math.max(1, (openFiles ?? Number.POSITIVE_INFINITY) - RESERVED_FILES);
  if (settings.maxConnections !== undefined && possible < wanted)
    log.warn(
      { openFiles, wanted, connections: possible },
      'the limit of open files allows fewer connections than MAX_CONNECTIONS',
    );
  return { total: Math.min(wanted, possible), perAddress: share(settings.maxConnectionsPerAddress) };
}

const LOG_PAUSE_MS = 60_000;

/**
 * Closes each connection beyond the limits before a byte is read from it. `server.maxConnections` would not do: between workers, Node
 * passes such a connection from one full process to the next without end.
 */
export function limitConnections(server: Server, { total, perAddress }: ConnectionLimits, log: Log): ConnectionCounts {
  let open = 0;
  const openOf = new Map<string, number>();
  const refused = { address: 0, total: 0 };
  let loggedAt = Number.NEGATIVE_INFINITY;

  const refuse = (socket: Socket, limit: keyof typeof refused) => {
    socket.destroy();
    refused[limit]++;
    if (performance.now() - loggedAt < LOG_PAUSE_MS) return;
    loggedAt = performance.now();
    log.warn({ limit, open, refused }, 'too many connections; closing new ones');
  };
  server.prependListener('connection', (socket: Socket) => {
    if (open >= total) return refuse(socket, 'total');
    const address = peerAddress(socket);
    const ofAddress = openOf.get(address) ?? 0;
    if (perAddress > 0 && ofAddress >= perAddress) return refuse(socket, 'address');
    open++;
    openOf.set(address, ofAddress + 1);
    socket.once('close', () => {
      open--;
      const left = (openOf.get(address) ?? 1) - 1;
      if (left > 0) openOf.set(address, left);
      else openOf.delete(address);
    });
  });

  return { open: () => open, refused };
}

export function registerConnections(register: Registry, { open, refused }: ConnectionCounts): void {
  const registers = [register];
  new Gauge({
    name: 'seckill_connections',
    help: 'Open connections of clients',
    registers,
    collect() {
      this.set(open());
    },
  });
  new Counter({
    name: 'seckill_connections_refused_total',
    help: 'Connections that were closed at once, by the limit that was reached',
    labelNames: ['limit'],
    registers,
    collect() {
      this.reset();
      for (const [limit, count] of Object.entries(refused)) this.inc({ limit }, count);
    },
  });
}
