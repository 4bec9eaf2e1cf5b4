import { fileURLToPath } from 'node:url';
import type { RedisDisk, RedisProgram } from './redisProgram.ts';

/** The last release, or the tree that is tested. */
export type Release = 'last' | 'this';

export interface Machine {
  /** How far its clock is ahead. */
  clockMs: number;
}

/** The processes that a round needs. */
export interface Topology {
  /** Number of application processes. */
  apps: number;
  disk: RedisDisk;
  /** Whether a Redis Cluster stands in the place of the one Redis. The disk is a normal one then. */
  store: 'one' | 'cluster';
  /** Whether three nodes of Galera stand in the place of the one MySQL. */
  mysql: 'one' | 'galera';
  /** What the applications are at the beginning of the round. */
  release: Release;
  /** Settings of the applications, in addition to those that every application gets. */
  environment: Record<string, string>;
  /** The machine of each application, with a data folder of its own; without them all are on this one. */
  machines: readonly Machine[];
  /** Whether other systems get the events, and how the order system reads the feed. */
  subscribers: 'none' | 'pages' | 'stream';
}

/** The code under test and its servers: the project as it is, or a sabotaged copy, perhaps on weaker servers. */
export interface Project {
  root: string;
  environment: Record<string, string>;
  redis: RedisProgram;
}

export const originalProject: Project = {
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  environment: {},
  redis: { settings: [], fsyncMs: 25 },
};
