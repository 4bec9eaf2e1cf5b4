import type { Sabotage } from './sabotage.ts';

// Sabotages of the rules for windows, limits, changes, codes and releases.

const GRAB = 'src/commands/lua/grabCoupon.lua';
const RESTOCK = 'src/commands/lua/restockCoupon.lua';
const LIMIT = 'elseif value and (perCustomer == 1 or countPieces(value) >= perCustomer) then';

export const lifeSabotages: readonly Sabotage[] = [
  {
    name: 'entries without earlier events',
    kinds: ['unread-decisions'],
    noticedAs: ['oversold', 'sold-outside', 'outside-validity', 'forbidden', 'win-lost'],
    patches: [{ file: 'src/commands/includes/prior.lua', find: 'return #events > 0 and', replace: 'return false and' }],
  },
  {
    name: 'a retry is answered for an unread decision',
    kinds: ['unread-decisions'],
    noticedAs: ['win-lost', 'change-lost'],
    patches: [
      {
        file: 'src/commands/unreadDecisions.ts',
        find: 'if (entry !== undefined) await',
        replace: 'if (entry === undefined) await',
      },
    ],
  },
  {
    name: 'a release that leaves the code alive',
    kinds: ['none'],
    noticedAs: ['dead-code-redeemed', 'released-twice', 'untrue-already-grabbed', 'redis-differs'],
    patches: [
      {
        file: 'src/commands/lua/releaseGrab.lua',
        find: 'table.remove(pieces, place)',
        replace: 'pieces[place]',
      },
    ],
  },
  {
    name: 'a redemption that can be repeated',
    kinds: ['none'],
    noticedAs: ['redeemed-twice'],
    patches: [
      { file: 'src/commands/lua/redeemCode.lua', find: 'if redeemedAt then', replace: 'if redeemedAt == 0 then' },
    ],
  },
  {
    name: 'an end by the clock of the process',
    kinds: ['redis-freeze', 'swallowed-replies'],
    noticedAs: ['sold-outside'],
    patches: [
      {
        file: GRAB,
        find: 'tonumber(at) >= tonumber(endsAt)',
        // The deadline is three seconds after the process has sent the command.
        replace: 'tonumber(deadline) - 3000000 >= tonumber(endsAt)',
      },
    ],
  },
  {
    name: 'a restock that forgets its key',
    kinds: ['none'],
    noticedAs: ['key-twice'],
    patches: [{ file: RESTOCK, find: 'state, request, at,', replace: 'state, nil, at,' }],
  },
  {
    name: 'refusals that are repeated without limit',
    kinds: ['none', 'unread-decisions'],
    noticedAs: ['no-such-coupon', 'sold-out', 'already-grabbed', 'paused', 'not-started', 'ended'].map(
      (refusal) => `untrue-${refusal}`,
    ),
    // Neither a renewal nor a win of another customer ends them, nor a change that this process has decided.
    patches: [
      { file: 'src/commands/refusal.ts', find: 'REFUSAL_TTL_MS = 900', replace: 'REFUSAL_TTL_MS = 900_000' },
      { file: 'src/commands/refusal.ts', find: 'RENEW_AFTER_MS = 450', replace: 'RENEW_AFTER_MS = 450_000' },
      { file: 'src/commands/repeatedRefusals.ts', find: '!result.isRepeated && (of', replace: 'false && (of' },
      {
        file: 'src/commands/repeatedRefusals.ts',
        find: 'void (changes[calculateSlot(path)] as number)++',
        replace: 'void path',
      },
    ],
  },
  {
    name: 'a filter that forgets a holder',
    kinds: ['none'],
    noticedAs: ['untrue-sold-out'],
    patches: [
      {
        file: 'src/commands/soldOutCoupons.ts',
        find: 'for (const name of names) known',
        replace: 'for (const name of names.slice(1)) known',
      },
    ],
  },
  {
    name: 'a limit that counts pieces that were given back',
    kinds: ['none'],
    noticedAs: ['untrue-already-grabbed'],
    patches: [
      {
        file: GRAB,
        find: LIMIT,
        replace: "elseif tonumber(redis.call('HGET', answers, 'pieces ' .. customer) or 0) >= perCustomer then",
      },
      {
        file: GRAB,
        find: 'winners[#winners + 1] = place',
        replace: "redis.call('HINCRBY', answers, 'pieces ' .. customer, 1)\n        winners[#winners + 1] = place",
      },
    ],
  },
  {
    name: 'no limit for each customer',
    kinds: ['none'],
    noticedAs: ['over-limit'],
    patches: [{ file: GRAB, find: LIMIT, replace: 'elseif false then' }],
  },
];
