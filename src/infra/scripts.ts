import { readdirSync, readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** Scripts that decide, scripts of the projections, and scripts of queries. */
const folders = ['../commands/lua/', '../projections/lua/', '../queries/lua/'].map(
  (path) => new URL(path, import.meta.url),
);
const includes = new URL('../commands/includes/', import.meta.url);

export type ScriptName =
  | 'changeTerms'
  | 'claimIdempotencyKey'
  | 'closeCoupon'
  | 'commitBatch'
  | 'confirmLogged'
  | 'createCoupon'
  | 'deadLetter'
  | 'grabCoupon'
  | 'pauseCoupon'
  | 'putBack'
  | 'readCoupons'
  | 'redeemCode'
  | 'releaseGrab'
  | 'releaseReservation'
  | 'reserveRoom'
  | 'restockCoupon'
  | 'restoreCoupon'
  | 'resumeCoupon'
  | 'splitEntry'
  | 'undoRedemption'
  | 'writeToReplicas';

export interface Script {
  name: string;
  /** The content of the file, with its header and the unexpanded includes. */
  source: string;
  /** The text that Redis runs: the source with its includes. */
  lua: string;
  /** Absent when it depends on the call. */
  numberOfKeys?: number;
}

/** Scripts whose calls have different numbers of keys. */
const variadic: ReadonlySet<string> = new Set<ScriptName>(['grabCoupon', 'readCoupons']);

/** Reads every script. The header of a script is its interface: the number of its KEYS lines is the number of keys. */
export function readScripts(): Script[] {
  const files = folders.flatMap((folder) => readdirSync(folder).map((file) => ({ file, folder })));
  return files.map(({ file, folder }) => {
    const source = readFileSync(new URL(file, folder), 'utf8');
    const lua = source.replace(/^-- @include (\S+)$/gm, (_, part) =>
      readFileSync(new URL(`${part}.lua`, includes), 'utf8'),
    );
    const name = file.replace(/\.lua$/, '');
    if (variadic.has(name)) return { name, source, lua };
    return { name, source, lua, numberOfKeys: new Set(source.match(/^KEYS\[\d+\]/gm)).size };
  });
}

/** Gives this client a method for each script. */
export function defineScripts(redis: Redis): void {
  for (const { name, source: _, ...script } of readScripts()) redis.defineCommand(name, script);
}

/** Does the same, and has Redis compile each script, so that a broken script fails the start and not a grab. */
export async function loadScripts(redis: Redis): Promise<void> {
  for (const { lua } of readScripts()) await redis.script('LOAD', lua);
  defineScripts(redis);
}

/** Runs a loaded script by EVALSHA, and by EVAL only after NOSCRIPT, when Redis ran nothing. Rejects when the outcome is unknown. */
export function runScript(redis: Redis, name: ScriptName, scriptKeys: string[], args: string[]): Promise<unknown> {
  const commands = redis as unknown as Record<ScriptName, (...args: string[]) => Promise<unknown>>;
  const count = variadic.has(name) ? [String(scriptKeys.length)] : [];
  return commands[name](...count, ...scriptKeys, ...args);
}
