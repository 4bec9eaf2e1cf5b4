import { readdirSync, readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const folder = new URL('../commands/lua/', import.meta.url);

export type ScriptName = 'claimIdempotencyKey' | 'createCoupon' | 'grabCoupon' | 'deadLetter' | 'restoreCoupon';
export interface Script {
  name: string;
  /** The file as it stands, header and all. */
  source: string;
  /** What Redis runs: the source with its includes. */
  lua: string;
  numberOfKeys: number;
}

/** Reads every script beside the commands. The header is the interface: its KEYS lines say how many keys the script takes. */
export function readScripts(): Script[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.lua') && !file.startsWith('include-'));
  return files.sort().map((file) => {
    const source = readFileSync(new URL(file, folder), 'utf8');
    const lua = source.replace(/^-- @include (\S+)$/gm, (_, part) =>
      readFileSync(new URL(`include-${part}.lua`, folder), 'utf8'),
    );
    const numberOfKeys = new Set(source.match(/^KEYS\[\d+\]/gm)).size;
    return { name: file.replace(/\.lua$/, ''), source, lua, numberOfKeys };
  });
}

/** Makes the scripts known to this connection, and has Redis compile each, so that a broken one stops the start and not a grab. */
export async function loadScripts(redis: Redis): Promise<void> {
  for (const { name, lua, numberOfKeys } of readScripts()) {
    await redis.script('LOAD', lua);
    redis.defineCommand(name, { lua, numberOfKeys });
  }
}

/** Runs a loaded script (EVALSHA; EVAL only where Redis says that it has not run it). Rejects when the outcome is unknown. */
export function runScript(redis: Redis, name: ScriptName, scriptKeys: string[], args: string[]): Promise<unknown> {
  const commands = redis as unknown as Record<ScriptName, (...args: string[]) => Promise<unknown>>;
  return commands[name](...scriptKeys, ...args);
}
