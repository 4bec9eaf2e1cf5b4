import { setTimeout as sleep } from 'node:timers/promises';
import type { GaleraNode } from '../../galera/galeraNodes.ts';
import type { App } from '../stack/applications.ts';
import type { GaleraStore } from '../stack/galeraStore.ts';
import { type FaultContext, type FaultKind, pickApp } from './faultKind.ts';
import { tolerance } from './redisFaults.ts';

// Faults of three nodes of Galera, on which two applications sell, each at a node of its own.

function galeraOf({ stack: { galera } }: FaultContext): GaleraStore {
  if (galera === undefined) throw new Error('the topology has no Galera');
  return galera;
}

const pickNodeInUse = (context: FaultContext) => galeraOf(context).nodeOf(pickApp(context).number);

/** The crowd goes on while the node is away, and a rush comes. */
async function sellWithout({ random, pace }: FaultContext, longest: number): Promise<void> {
  await sleep(random.int(500, longest));
  await pace.rush();
}

/** Both applications, on two nodes. One that had moved is started again, and begins at the first node of its list. */
async function appsOnTwoNodes(context: FaultContext): Promise<[App, GaleraNode][]> {
  const galera = galeraOf(context);
  for (const app of context.stack.apps) {
    if ((await galera.nodeOf(app.number)) === galera.nodes[app.number]) continue;
    await app.kill();
    await context.stack.restartApp(app);
  }
  return Promise.all(
    context.stack.apps.map(async (app) => [app, await galera.nodeOf(app.number)] as [App, GaleraNode]),
  );
}

const kinds: readonly FaultKind[] = [
  {
    name: 'galera-node-killed',
    async inject(context) {
      const node = await pickNodeInUse(context);
      await node.signal('SIGKILL');
      await sellWithout(context, 3_000);
      await galeraOf(context).goneOnWithout(node);
      await node.restart();
      await galeraOf(context).whole();
    },
  },
  {
    name: 'galera-node-frozen',
    async inject(context) {
      const node = await pickNodeInUse(context);
      await node.signal('SIGSTOP');
      await sellWithout(context, 6_000);
      await node.signal('SIGCONT');
      await galeraOf(context).whole();
    },
  },
  {
    name: 'galera-node-without-majority',
    async inject(context) {
      const node = await pickNodeInUse(context);
      await node.isolate();
      await sellWithout(context, 3_000);
      await node.join();
      await galeraOf(context).whole();
    },
  },
  {
    name: 'galera-two-killed',
    async inject(context) {
      const galera = galeraOf(context);
      const [first, second, last] = context.random.shuffled(galera.nodes);
      await Promise.all([first?.signal('SIGKILL'), second?.signal('SIGKILL')]);
      await sellWithout(context, 2_000);
      await last?.bootstrap();
      await sellWithout(context, 1_000);
      await first?.restart();
      await second?.restart();
      await galera.whole();
    },
  },
  {
    // The application on the other node must not rebuild Redis before MySQL has what the first one has in its memory alone.
    name: 'galera-queue-at-another-node',
    tolerance,
    async inject(context) {
      const { stack, random } = context;
      const [, waiting] = random.shuffled(await appsOnTwoNodes(context));
      if (waiting === undefined) throw new Error('two applications needed');
      const release = await galeraOf(context).holdProjections(waiting[1], stack.database());
      await sellWithout(context, 800);
      await stack.withRedis((redis) => redis.flushall());
      await sleep(random.int(1_000, 3_000));
      await release();
    },
  },
];

export const galeraFaults = kinds.map(
  (kind): FaultKind => ({
    ...kind,
    topology: () => ({ apps: 2, mysql: 'galera' }),
  }),
);
