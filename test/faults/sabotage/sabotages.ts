import type { RedisProgram } from '../stack/redisProgram.ts';

// The project made worse on purpose, each time in the one way that a rule of the design forbids. The harness must notice.

export interface Patch {
  file: string;
  /** Found exactly once, or the sabotage fails: it would prove nothing. An expression is global, so that it can be counted. */
  find: string | RegExp;
  /** `$1` stands for the expression's first group. */
  replace: string;
}

export interface Variant {
  name: string;
  /** Kinds of faults that show it, one round of each in turn. */
  kinds: string[];
  /** Violations that this may lead to. Any other one doesn't count: it would be another fault. */
  caughtBy: string[];
  patches?: Patch[];
  /** Weaker servers and settings. */
  redis?: RedisProgram;
  environment?: Record<string, string>;
}

const grabGone = ['win-lost', 'unsold', 'redis-differs', 'untrue-already-grabbed'];

export const variants: readonly Variant[] = [
  {
    name: 'commands are sent again',
    kinds: ['lost-replies'],
    caughtBy: ['winner-refused'],
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
    caughtBy: grabGone,
    // While an fsync is under way such a Redis keeps what it acknowledges in its memory.
    redis: { settings: ['--appendfsync everysec'], fsyncMs: 900 },
    environment: { ALLOW_UNSAFE_REDIS: '1' },
  },
  {
    name: 'no reconcile behind the fence',
    kinds: ['redis-flush', 'redis-older', 'redis-empty'],
    caughtBy: ['coupon-denied', 'win-lost', 'won-twice', 'redis-differs'],
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
    caughtBy: grabGone,
    patches: [
      {
        file: 'src/commands/lua/include-append-event.lua',
        find: "outbox, '*'",
        replace: "outbox, 'MAXLEN', '10', '*'",
      },
    ],
  },
  {
    name: 'INSERT IGNORE without the filters',
    kinds: ['app-kill-of-two'],
    caughtBy: ['table-differs', 'win-lost'],
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
    caughtBy: grabGone,
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
    caughtBy: [...grabGone, 'gap', 'damaged'],
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
    caughtBy: ['state-differs', 'damaged', 'not-drained'],
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
    caughtBy: ['dead-letter', 'not-drained', 'win-lost'],
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
    caughtBy: ['oversold', 'holder-refused', 'redis-differs'],
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
    name: 'a timeout told as sold-out',
    kinds: ['swallowed-replies', 'redis-freeze'],
    caughtBy: ['holder-refused', 'unsold'],
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
    caughtBy: ['unanswered-at-stop'],
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
    caughtBy: ['late'],
    patches: [
      {
        file: 'src/commands/lua/include-obstacle.lua',
        find: /^.*tonumber\(deadline\).*$/gm,
        replace: '',
      },
    ],
  },
];
