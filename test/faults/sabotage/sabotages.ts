import type { RedisProgram } from '../stack/redisProgram.ts';

// Ways to break the project on purpose: each breaks one rule of the design, and the harness must notice it.

export interface Patch {
  file: string;
  /** Must match exactly once, or the sabotage fails: without its patch it proves nothing. A RegExp is global, to count matches. */
  find: string | RegExp;
  /** `$1` stands for the first group of the RegExp. */
  replace: string;
}

export interface Sabotage {
  name: string;
  /** Kinds of faults that reveal the sabotage, one round of each in turn. */
  kinds: string[];
  /** Violations that the sabotage may cause. Others do not count, since they would have another cause. */
  noticedAs: string[];
  patches?: Patch[];
  /** A weaker Redis. */
  redis?: RedisProgram;
  environment?: Record<string, string>;
}

const grabLost = ['win-lost', 'unsold', 'redis-differs', 'untrue-already-grabbed'];

export const sabotages: readonly Sabotage[] = [
  {
    name: 'commands are sent again',
    kinds: ['lost-replies'],
    noticedAs: ['winner-refused'],
    patches: [
      {
        file: 'src/infra/stores/redis.ts',
        find: /maxRetriesPerRequest: 0,\s+autoResendUnfulfilledCommands: false/g,
        replace: 'maxRetriesPerRequest: 5, autoResendUnfulfilledCommands: true',
      },
    ],
  },
  {
    name: 'appendfsync everysec',
    kinds: ['slow-fsync'],
    noticedAs: grabLost,
    // While an fsync is under way, this Redis keeps acknowledged writes in its memory.
    redis: { settings: ['--appendfsync everysec'], fsyncMs: 900 },
    environment: { ALLOW_UNSAFE_REDIS: '1' },
  },
  {
    name: 'no reconcile behind the fence',
    kinds: ['redis-flush', 'redis-older', 'redis-empty'],
    noticedAs: ['coupon-denied', 'win-lost', 'won-twice', 'redis-differs'],
    patches: [
      {
        file: 'src/projections/recovery/reconcile.ts',
        find: '  await relay.drain();\n',
        replace: `  await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), runId)));
          await redis.set(keys.marker, runId);
          if (runId !== '') return;\n`,
      },
    ],
  },
  {
    name: 'MAXLEN on the outbox',
    kinds: ['mysql-away-app-kill'],
    noticedAs: grabLost,
    patches: [
      {
        file: 'src/commands/includes/append-event.lua',
        find: "outbox, '*'",
        replace: "outbox, 'MAXLEN', '10', '*'",
      },
    ],
  },
  {
    name: 'INSERT IGNORE without the filters',
    kinds: ['app-kill-of-two'],
    noticedAs: ['table-differs', 'win-lost'],
    patches: [
      {
        file: 'src/projections/applyBatch.ts',
        find: '!coupons.has(coupon.id) && !createdHere.has(coupon.id)',
        replace: 'coupons.has(coupon.id) && false',
      },
      { file: 'src/projections/applyBatch.ts', find: 'if (!known.has(event.id)) fresh', replace: 'fresh' },
      { file: 'src/projections/log/sql.ts', find: 'run(`INSERT INTO', replace: 'run(`INSERT IGNORE INTO' },
    ],
  },
  {
    name: 'outbox deleted before the COMMIT',
    kinds: ['mysql-away-app-kill'],
    noticedAs: grabLost,
    patches: [
      {
        file: 'src/projections/mysqlWriter.ts',
        find: /(const [^=]+ = await watch\.mysqlBatch\()/g,
        replace: 'await deleteEntries(redis, batch.map((queued) => (queued.delivery ?? queued).entry));\n$1',
      },
    ],
  },
  {
    name: 'outbox trimmed up to the highest id',
    kinds: ['app-kill-of-two'],
    noticedAs: [...grabLost, 'gap', 'damaged'],
    patches: [
      {
        file: 'src/infra/outbox.ts',
        find: 'await redis.xdel(keys.outbox(partition), ...ids);',
        replace: `{
          const parts = ids.map((id) => id.split('-').map(Number)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
          const [ms, sequence] = parts.at(-1);
          await redis.xtrim(keys.outbox(partition), 'MINID', ms + '-' + (sequence + 1));
        }`,
      },
    ],
  },
  {
    name: 'pieces counted down',
    kinds: ['lost-commit'],
    noticedAs: ['state-differs', 'damaged', 'not-drained'],
    patches: [
      {
        file: 'src/projections/applyBatch.ts',
        find: 'await insertEvents(run, fresh);',
        replace: `await insertEvents(run, fresh);
          for (const { events } of applied.committed)
            for (const { coupon } of events.filter(({ type }) => type === 'CouponGrabbed'))
              await run('UPDATE coupons SET pieces_left = pieces_left - 1 WHERE id = ' + hexId(coupon.id));`,
      },
      { file: 'src/projections/coupons.ts', find: 't.pieces_left = given.pieces_left, ', replace: '' },
    ],
  },
  {
    name: 'names without case and accents',
    kinds: ['none'],
    noticedAs: ['dead-letter', 'not-drained', 'win-lost'],
    patches: [
      {
        file: 'migrations/0001_tables.ts',
        find: 'customer VARBINARY(256)',
        replace: 'customer VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci',
      },
    ],
  },
  {
    name: 'XADD before the decision',
    kinds: ['none'],
    noticedAs: ['oversold', 'holder-refused', 'redis-differs'],
    patches: [
      {
        file: 'src/commands/lua/grabCoupon.lua',
        find: 'if #winners == 0 then',
        replace: `if id and #winners == 0 then
          appendEvent(outbox, 'type', 'CouponGrabbed', 'coupon', id, 'seller', seller, 'name', name,
            'version', digits(version + 1), 'at', now(), 'left', '0', 'customers', cjson.encode({ ARGV[4] or ARGV[1] }))
        end
        if #winners == 0 then`,
      },
    ],
  },
  {
    name: 'a timeout answered as sold-out',
    kinds: ['swallowed-replies', 'redis-freeze'],
    noticedAs: ['holder-refused', 'unsold'],
    patches: [
      {
        file: 'src/commands/grabCoupon.ts',
        find: /(deps\.grabLine\.decide\(.*\));/g,
        replace: "$1.catch(() => 'sold-out' as const);",
      },
    ],
  },
  {
    name: 'a stop that cuts connections',
    kinds: ['app-stop'],
    noticedAs: ['unanswered-at-stop'],
    patches: [
      {
        file: 'src/server.ts',
        find: 'const ended = new Promise((resolve) => server.close(resolve));',
        replace: `const ended = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();`,
      },
    ],
  },
  {
    name: 'no deadline',
    kinds: ['redis-freeze'],
    noticedAs: ['late'],
    patches: [
      {
        file: 'src/commands/includes/obstacle.lua',
        find: /^.*tonumber\(deadline\).*$/gm,
        replace: '',
      },
    ],
  },
];
