import type { ReplicaSettings } from '../infra/replication/serverSettings.ts';
import { safeReplicaSettings, WRITES_ALONE } from '../infra/stores/redisSafety.ts';
import { type Finding, note, type Problem, unsafe } from './finding.ts';

/** The settings of a replica, which may take over. */
export function examineReplica({ address, settings }: ReplicaSettings): Finding {
  const name = `replica ${address}`;
  if (settings === undefined) {
    const why = 'nobody knows whether it keeps what it confirms, and what it does when it takes over';
    const problem = note(why, 'run this command where it can be reached, with a user who may CONFIG GET');
    return { area: 'Redis', name, value: 'settings not readable from here', problem };
  }
  const wrong = Object.entries(safeReplicaSettings).filter(([setting, wanted]) => settings[setting] !== wanted);
  if (wrong.length === 0) return { area: 'Redis', name, value: 'keeps what it confirms' };
  return {
    area: 'Redis',
    name,
    value: wrong.map(([setting]) => `${setting} ${settings[setting]}`).join(', '),
    problem: unsafe(
      'it confirms what it may lose, or changes it, and the server refuses to start',
      wrong.map(([setting, wanted]) => `CONFIG SET ${setting} ${wanted}`).join('; '),
    ),
  };
}

/** `value`: min-replicas-to-write of the master. */
export function replicasToWrite(value: number, replicas: number, waitReplicas: number): Problem | undefined {
  const mend = `CONFIG SET min-replicas-to-write ${replicas === 0 ? 0 : waitReplicas}`;
  if (replicas > 0 && waitReplicas === 0)
    return unsafe(
      'a failover may lose what was answered, and the server refuses to start',
      'set REDIS_WAIT_REPLICAS to 1 or more',
    );
  if (replicas > 0) return value < waitReplicas ? note(WRITES_ALONE, mend) : undefined;
  return value === 0
    ? undefined
    : note('while too few replicas are connected, every grab is answered 503', `${mend}, unless this is what you want`);
}
