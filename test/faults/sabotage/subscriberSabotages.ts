import type { Sabotage } from './sabotage.ts';

// Rules of the way that events take to other systems.

export const subscriberSabotages: readonly Sabotage[] = [
  {
    name: 'a reader that goes on after the last position',
    kinds: ['late-commit'],
    noticedAs: ['event-missing', 'event-order'],
    patches: [
      {
        file: 'src/subscribers/horizon.ts',
        find: 'if (highest > known && performance.now() >= mayPauseAt) await pause();',
        replace: 'if (mayPauseAt < 0) await pause(); else known = Math.max(known, highest);',
      },
    ],
  },
  {
    name: 'a checkpoint that is stored before the delivery',
    kinds: ['broker-away', 'publisher-away'],
    noticedAs: ['event-missing', 'event-order'],
    patches: [
      {
        file: 'src/subscribers/runSubscription.ts',
        find: 'if (events.length > 0) await receiver.deliver(events);',
        replace:
          'await saveCheckpoint(mysql, name, position, next); if (events.length > 0) await receiver.deliver(events);',
      },
    ],
  },
  {
    name: 'a reader that does not hold back version 8',
    kinds: ['subscriber-away'],
    noticedAs: ['event-order'],
    patches: [
      {
        file: 'src/subscribers/eventPages.ts',
        find: /while \(progress\.waiting\.delete\(progress\.version \+ 1\)\)\s+ordered\.push\(\{ id: coupon\.id, version: \+\+progress\.version, cursor: before \}\);/g,
        replace: 'ordered.push({ id: coupon.id, version, cursor: before });',
      },
    ],
  },
  {
    name: 'messages without the id of their event',
    kinds: ['publisher-away', 'broker-away'],
    noticedAs: ['event-repeated'],
    patches: [
      { file: 'src/subscribers/natsReceiver.ts', find: 'msgID: event.id,', replace: '' },
      {
        file: 'src/subscribers/natsReceiver.ts',
        find: '...(previous === undefined ? {} : { expect: { lastMsgID: previous } }),',
        replace: '...(previous === undefined ? {} : {}),',
      },
    ],
  },
];
