import type { RedisProgram } from '../stack/redisProgram.ts';

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
