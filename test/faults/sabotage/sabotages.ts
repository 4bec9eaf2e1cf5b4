import { clusterSabotages } from './clusterSabotages.ts';
import { lifeSabotages } from './lifeSabotages.ts';
import type { Sabotage } from './sabotage.ts';
import { subscriberSabotages } from './subscriberSabotages.ts';

// Ways to break the project on purpose: each breaks one rule of the design, and the harness must notice it.

const grabLost = ['win-lost', 'change-lost', 'untrue-sold-out', 'redis-differs', 'untrue-already-grabbed'];

export const sabotages: readonly Sabotage[] = [
  {
    name: 'commands are sent again',
    kinds: ['lost-replies'],
    noticedAs: ['unrequested', 'winner-refused'],
    patches: [
      {
        file: 'src/infra/shards/connectRedis.ts',
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
    noticedAs: ['untrue-no-such-coupon', 'win-lost', 'unrequested', 'redis-differs'],
    patches: [
      {
        file: 'src/projections/recovery/reconcile.ts',
        find: '  const waiting = await relay.drain(partitions);\n',
        replace: `  await Promise.all(allPartitions.map((partition) => redis.set(keys.fence(partition), replid)));
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
      {
        file: 'src/commands/lua/grabCoupon.lua',
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
        file: 'src/projections/sortBatch.ts',
        find: '(!coupons.has(event.coupon.id) && !createdHere.has(event.coupon.id)) || lacksGrab(event)',
        replace: 'lacksGrab(event) && coupons.size < 0 && createdHere.size < 0',
      },
      { file: 'src/projections/sortBatch.ts', find: 'if (!known.has(event.id)) fresh', replace: 'fresh' },
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
    noticedAs: [...grabLost, 'gap', 'verify'],
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
    noticedAs: ['state-differs', 'verify', 'not-drained'],
    patches: [
      {
        file: 'src/projections/applyBatch.ts',
        find: 'await insertEvents(run, fresh.sort(byCouponAndVersion));',
        replace: `await insertEvents(run, fresh.sort(byCouponAndVersion));
          for (const { type, coupon, data } of applied.committed.flatMap(({ events }) => events)) {
            const added = { CouponGrabbed: -1, GrabReleased: 1, CouponRestocked: data.added }[type] ?? 0;
            await run('UPDATE coupons SET pieces_left = pieces_left + (' + added + ') WHERE id = ' + hexId(coupon.id));
          }`,
      },
      {
        file: 'src/projections/couponChanges.ts',
        find: 'const set = Object.keys(columns)',
        replace: "const set = Object.keys(columns).filter((name) => name !== 'pieces_left')",
      },
    ],
  },
  {
    name: 'names without case and accents',
    kinds: ['none'],
    noticedAs: ['dead-letter', 'not-drained', 'creation-lost', 'win-lost'],
    patches: [
      {
        file: 'migrations/0001_tables.ts',
        find: 'name VARBINARY(400) NOT NULL,\n    amount',
        replace: 'name VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,\n    amount',
      },
    ],
  },
  {
    name: 'XADD before the decision',
    kinds: ['none'],
    noticedAs: ['oversold', 'over-limit', 'unrequested', 'redis-differs'],
    patches: [
      {
        file: 'src/commands/lua/grabCoupon.lua',
        find: "local reply = { 'decided'",
        replace: `for i, decision in ipairs(decisions) do
          if #decision.winners == 0 and string.find(states[i], '^[^ ]+ ') then
            redis.call('XADD', outbox, '*', 'type', 'CouponGrabbed', 'at', at, 'coupons', cjson.encode({ paths[i] }), 'states', states[i],
              'wins', '1', 'customers', cjson.encode({ list[1] }), 'keys', '', 'codes', codeAt(1))
          end
        end
        local reply = { 'decided'`,
      },
    ],
  },
  {
    name: 'a timeout answered as sold-out',
    kinds: ['swallowed-replies', 'redis-freeze'],
    noticedAs: ['untrue-sold-out', 'unrequested'],
    patches: [
      {
        file: 'src/commands/grabCoupon.ts',
        find: /(deps\.grabLine\.decide\(.*\));/g,
        replace: "$1.catch(() => ({ outcome: 'sold-out' as const }));",
      },
    ],
  },
  {
    name: 'a stop that cuts connections',
    kinds: ['app-stop'],
    noticedAs: ['unanswered-at-stop'],
    patches: [
      {
        file: 'src/http/edge/drain.ts',
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
  {
    name: 'names that the last release does not find',
    kinds: ['rolling-upgrade'],
    noticedAs: ['untrue-no-such-coupon', 'unrequested', 'view-differs', 'verify', 'redis-differs'],
    patches: [
      {
        file: 'src/infra/keys.ts',
        find: 'const RESERVED = /[^\\w.@~',
        replace: 'const RESERVED = /[^\\w@~',
      },
    ],
  },
  ...lifeSabotages,
  ...subscriberSabotages,
  ...clusterSabotages,
];
