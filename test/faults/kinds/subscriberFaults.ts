import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../stack/applications.ts';
import type { OtherSystem, Subscribers } from '../stack/subscribers.ts';
import type { FaultContext, FaultKind } from './faultKind.ts';

// Faults in the middle of a delivery of events. Two applications write the log: then the versions of a coupon get positions out of
// order, and transactions commit out of order.

/**
 * Another application takes over within 5 s. The horizon may move some 10 s later, when the frozen one has left a transaction open and
 * an attempt has failed; and the machine of the tests may be busy.
 */
const TAKEOVER_LIMIT_MS = 60_000;
const LATE_LIMIT_MS = 10_000;
const topology: FaultKind['topology'] = (random) => ({
  apps: 2,
  subscribers: random.percent(50) ? 'pages' : 'stream',
});

const subscribersOf = ({ stack }: FaultContext): Subscribers => {
  if (stack.subscribers === undefined) throw new Error('this round has no subscribers');
  return stack.subscribers;
};

/** Resolves when the broker has got a part of a batch, and the application has not got the confirmation; the rest is the fault's. */
async function inMidDelivery(context: FaultContext): Promise<(end: 'deliver' | 'cut') => void> {
  const end = await subscribersOf(context).brokerProxy.withholdRepliesFrom('HPUB ', TAKEOVER_LIMIT_MS);
  if (end !== undefined) return end;
  context.report({ name: 'no-delivery', sample: 'no event is sent to the broker' });
  return () => {};
}

async function restart(context: FaultContext, system: OtherSystem): Promise<void> {
  await system.kill();
  await sleep(context.random.int(50, 800));
  await system.start();
}

async function freeze(context: FaultContext, system: OtherSystem): Promise<void> {
  system.freeze();
  await sleep(context.random.int(300, 1_500));
  system.thaw();
}

/** The application that works for the subscription: the one whose counter grows. */
async function findPublisher({ stack }: FaultContext): Promise<App> {
  const counts = () =>
    Promise.all(
      stack.apps.map(async ({ pool }) => {
        const text = await (await pool?.request({ method: 'GET', path: '/metrics' }))?.body.text();
        return Number(/^seckill_subscription_delivered_total\{.*\} (\d+)/m.exec(text ?? '')?.[1] ?? 0);
      }),
    );
  const before = await counts();
  for (const limit = Date.now() + TAKEOVER_LIMIT_MS; Date.now() < limit; await sleep(50)) {
    const now = await counts();
    const app = stack.apps.find((_, number) => (now[number] ?? 0) > (before[number] ?? 0));
    if (app !== undefined) return app;
  }
  throw new Error('no application delivers events');
}

async function untilTakenOver(context: FaultContext): Promise<void> {
  const { messageCount } = subscribersOf(context);
  const before = await messageCount();
  for (const limit = Date.now() + TAKEOVER_LIMIT_MS; Date.now() < limit; await sleep(50))
    if ((await messageCount()) > before) return;
  context.report({ name: 'no-takeover', sample: `no event was delivered in ${TAKEOVER_LIMIT_MS} ms` });
}

export const subscriberFaults: readonly FaultKind[] = [
  {
    // Positions are assigned before the COMMIT. The last application sells coupons of its own, because the rows of a coupon make the
    // transactions of two applications wait for each other.
    name: 'late-commit',
    topology: (random) => ({ ...topology(random), apps: 3 }),
    reservedApps: 1,
    async inject(context) {
      const { stack, client, plan, random } = context;
      const app = stack.apps.at(-1);
      if (app === undefined) throw new Error('no application runs');
      for (let turn = random.int(3, 6); turn > 0; turn--) {
        const coupon = `spät ${turn}`;
        const inSql = Buffer.from(coupon).toString('hex');
        const late = stack.mysqlProxy.commitLate(inSql, random.int(200, 700), LATE_LIMIT_MS);
        await client.send(app, { op: 'create', coupon, amount: 5 });
        if (!(await late)) context.report({ name: 'no-commit', sample: `${coupon} does not come to MySQL` });
        await client.send(app, { op: 'grab', coupon, customer: `early-${turn}.${plan.label}` });
      }
    },
  },
  {
    name: 'subscriber-away',
    topology,
    async inject(context) {
      const { orderSystem } = subscribersOf(context);
      for (let times = context.random.int(2, 5); times > 0; times--) {
        await restart(context, orderSystem);
        await sleep(context.random.int(200, 600));
      }
      await freeze(context, orderSystem);
    },
  },
  {
    name: 'broker-away',
    topology,
    async inject(context) {
      const { broker } = subscribersOf(context);
      const end = await inMidDelivery(context);
      await broker.kill();
      end('cut');
      await sleep(context.random.int(50, 800));
      await broker.start();
      await untilTakenOver(context);
      await freeze(context, broker);
    },
  },
  {
    name: 'publisher-away',
    topology,
    // A frozen process reads no request.
    tolerance: { delayMs: TAKEOVER_LIMIT_MS },
    async inject(context) {
      const killed = await findPublisher(context);
      const end = await inMidDelivery(context);
      await killed.kill();
      end('cut');
      await context.stack.restartApp(killed);
      await untilTakenOver(context);
      const frozen = await findPublisher(context);
      const endOfFrozen = await inMidDelivery(context);
      frozen.signal('SIGSTOP');
      endOfFrozen('deliver');
      await untilTakenOver(context);
      frozen.signal('SIGCONT');
    },
  },
  {
    name: 'delivery-mysql-kill',
    topology,
    async inject(context) {
      const { mariadb } = context.stack;
      const end = await inMidDelivery(context);
      await mariadb.kill();
      end('deliver');
      await mariadb.start();
    },
  },
];
