import { appFaults } from './appFaults.ts';
import type { Kind } from './faultKind.ts';
import { mysqlFaults } from './mysqlFaults.ts';
import { redisFaults } from './redisFaults.ts';

const none: Kind = { name: 'none', strike: async () => {} };

/** Neighbours share what they run on as far as possible: the next round then begins at once. */
export const kinds: readonly Kind[] = [none, ...appFaults, ...redisFaults, ...mysqlFaults];

const HOLDERS = 100_000;
const find = (name: string) => kinds.filter((kind) => kind.name === name);

/** Run by name only. */
export const bigKinds: readonly Kind[] = [
  ...find('redis-kill').map((kind) => ({ ...kind, name: 'redis-restart-100k', holders: HOLDERS })),
  ...find('redis-empty').map((kind) => ({
    ...kind,
    name: 'redis-rebuild-100k',
    holders: HOLDERS,
    shape: () => ({}),
  })),
];
