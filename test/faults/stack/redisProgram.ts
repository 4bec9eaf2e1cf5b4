import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../../src/infra/local/install.ts';
import { OperatorError } from '../../../src/operatorError.ts';

// What Redis can stand on. The settings are always those of src/infra/local/localRedis.ts; a wrapper around the program changes the rest.

/** `plain`; `slow`: every fsync takes its time; `small-disk`: its data is on a tmpfs that can be filled. */
export type Flavour = 'plain' | 'slow' | 'small-disk';

const SMALL_DISK = '24m';
const STRACE_MISSING = 'strace not found: it makes fsync slow. Install: `sudo apt-get install strace`';

/** Sees to it that strace is there, as src/infra/local/install.ts does for the servers. */
export function ensureStrace(announce: (line: string) => void): string {
  const found = findProgram('strace');
  if (found !== undefined) return found;
  if (findProgram('apt-get') === undefined || process.getuid?.() !== 0) throw new OperatorError(STRACE_MISSING);
  announce('installing strace (apt-get install)');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-q'],
    ['install', '-q', '-y', '--no-install-recommends', 'strace'],
  ])
    spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], { env, stdio: 'ignore' });
  const installed = findProgram('strace');
  if (installed === undefined) throw new OperatorError(STRACE_MISSING);
  return installed;
}

export interface RedisProgram {
  /** Redis settings that go last and therefore win; none for the production settings. */
  settings: string[];
  /** How long each fsync takes in the `slow` flavour. */
  fsyncMs: number;
}

/** Writes the program that starts this flavour of Redis, to be handed to openLocalRedis. */
export function writeRedisProgram(
  folder: string,
  flavour: Flavour,
  { settings, fsyncMs }: RedisProgram,
  announce: (line: string) => void,
): string {
  const redis = findProgram('redis-server');
  if (redis === undefined) throw new OperatorError('redis-server not found');
  const calls = 'fdatasync,fsync';
  const slow = () =>
    `${ensureStrace(announce)} -f --seccomp-bpf -e trace=${calls} -e inject=${calls}:delay_enter=${fsyncMs * 1_000} -o /dev/null `;
  const file = join(folder, 'redis-program');
  writeFileSync(file, `#!/bin/sh\nexec ${flavour === 'slow' ? slow() : ''}${redis} "$@" ${settings.join(' ')}\n`);
  chmodSync(file, 0o700);
  return file;
}

/** A small disk of its own at this folder. Throws where this user may not mount. */
export function mountSmallDisk(folder: string): { fill(): void; free(): void; close(): void } {
  mkdirSync(folder, { recursive: true });
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status !== 0)
    throw new OperatorError(
      `a full disk needs a tmpfs, and mount is refused here: ${(error?.message ?? stderr).trim()}`,
    );
  const filler = join(folder, 'filler');
  return {
    /** Writes until there is no room; what Redis appends next meets ENOSPC. */
    fill() {
      const file = openSync(filler, 'w');
      try {
        for (const piece of [Buffer.alloc(65_536), Buffer.alloc(1)]) writeUntilFull(file, piece);
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    close: () => void spawnSync('umount', ['-l', folder]),
  };
}

function writeUntilFull(file: number, piece: Buffer): void {
  for (;;) {
    try {
      writeSync(file, piece);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
