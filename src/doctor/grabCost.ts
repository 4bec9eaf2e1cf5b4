import type { Finding } from './finding.ts';
import { note } from './finding.ts';
import type { MysqlSpeed, RedisSpeed, Times } from './measureSpeed.ts';

// What a grab waits for, computed from what was measured. The script call that decides, and the call that writes the view of the
// customer, follow each other, and each waits for the disk of Redis (docs/ARCHITECTURE.md, "The walk of one grab"). An idempotency key
// is claimed with one more write before. MySQL follows after the answer. The work of the processes themselves is not in the figures:
// docs/PERFORMANCE.md has it.

const WRITES = 2;
const SLOW_WRITE_MS = 10;
const SLOW_COMMIT_MS = 100;

export function speedOfRedis({ roundTrip, write }: RedisSpeed): Finding[] {
  const finding = (name: string, value: string): Finding => ({ area: 'speed', name, value });
  return [
    finding('Redis: round trip', shown(roundTrip)),
    {
      ...finding(
        'Redis: synced write',
        `${shown(write)}; of it the disk ${milliseconds(write.median - roundTrip.median)}`,
      ),
      problem:
        write.median > SLOW_WRITE_MS
          ? note(
              'every 201 waits for two of them',
              'put the file of Redis on a faster disk, and Redis beside the server',
            )
          : undefined,
    },
    finding(
      'a grab',
      `201 after about ${milliseconds(WRITES * write.median)} (${WRITES} x synced write), ` +
        `with an Idempotency-Key ${milliseconds((WRITES + 1) * write.median)} (${WRITES + 1} x)`,
    ),
  ];
}

export function speedOfMysql({ roundTrip, commit }: MysqlSpeed): Finding[] {
  return [
    { area: 'speed', name: 'MySQL: round trip', value: shown(roundTrip) },
    {
      area: 'speed',
      name: 'MySQL: COMMIT',
      value:
        commit === undefined
          ? 'not measured, since nothing can be written'
          : `${shown(commit)}; of it the disk ${milliseconds(commit.median - roundTrip.median)}; no grab waits for it`,
      problem:
        commit !== undefined && commit.median > SLOW_COMMIT_MS
          ? note('MySQL falls behind in a sale, and the outbox grows', 'put the files of MySQL on a faster disk')
          : undefined,
    },
  ];
}

const shown = ({ median, slow }: Times) => `${milliseconds(median)}, p99 ${milliseconds(slow)}`;
const milliseconds = (value: number) => `${Math.max(0, value).toFixed(2)} ms`;
