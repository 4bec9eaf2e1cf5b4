import { z } from 'zod';

/** The slots of a Redis Cluster. Every key is in one of them. */
export const SLOTS = 16_384;

export interface NodeAddress {
  host: string;
  port: number;
}

/** What the nodes of a Redis Cluster say about who has which slots. */
export interface SlotMap {
  /** By `host:port`. */
  masters: ReadonlyMap<string, NodeAddress>;
  /** By slot, the `host:port` of its master; undefined for a slot that no master has. */
  owners: readonly (string | undefined)[];
  /** Nodes that can be asked when no master answers. */
  replicas: readonly NodeAddress[];
}

const nodeSchema = z.tuple([z.string().nullable(), z.number()]).rest(z.unknown());
const rangesSchema = z.array(z.tuple([z.number(), z.number(), nodeSchema]).rest(nodeSchema));

export const nameOf = ({ host, port }: NodeAddress) => `${host}:${port}`;

/** Reads the reply of CLUSTER SLOTS. A node that does not know its own address leaves it empty: it is the one that was asked. */
export function readSlots(reply: unknown, asked: NodeAddress): SlotMap {
  const masters = new Map<string, NodeAddress>();
  const owners: (string | undefined)[] = new Array(SLOTS).fill(undefined);
  const replicas = new Map<string, NodeAddress>();
  const addressOf = ([host, port]: z.infer<typeof nodeSchema>) => ({
    host: host === null || host === '' || host === '?' ? asked.host : host,
    port,
  });
  for (const [first, last, master, ...copies] of rangesSchema.parse(reply)) {
    const address = addressOf(master);
    const name = nameOf(address);
    masters.set(name, address);
    owners.fill(name, first, last + 1);
    for (const copy of copies.map(addressOf)) replicas.set(nameOf(copy), copy);
  }
  return { masters, owners, replicas: [...replicas.values()] };
}
