import type { Redis } from 'ioredis';

/** Whether this server has WAITAOF (Redis 7.2, Valkey), which waits for the disks of replicas, and lets this user send it. */
export async function findWaitaof(connection: Redis): Promise<'there' | 'unknown' | 'not-permitted'> {
  try {
    await connection.call('WAITAOF', 0, 0, 1);
    return 'there';
  } catch (error) {
    if ((error as Error).name !== 'ReplyError') throw error;
    return (error as Error).message.startsWith('NOPERM') ? 'not-permitted' : 'unknown';
  }
}

/**
 * What waits until so many replicas have everything: on their disks, or at least in their memory. A replica that is asked says what it
 * had synced by then, and not what has just come. With WAITAOF alone, its next report follows a second later; after WAIT, the disk has
 * what the memory had.
 */
export function waitCommands(onDisk: boolean, replicas: number, ms: number): [name: string, ...args: number[]][] {
  const inMemory: [string, ...number[]] = ['WAIT', replicas, ms];
  return onDisk ? [inMemory, ['WAITAOF', 1, replicas, ms]] : [inMemory];
}

/** The number of replicas that have it. WAITAOF also says whether the master itself has it on its disk. */
export function confirmedBy(reply: unknown): number {
  if (!Array.isArray(reply)) return Number(reply);
  const [own, replicas] = reply.map(Number);
  return own === 0 ? 0 : (replicas ?? 0);
}
