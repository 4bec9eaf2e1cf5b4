import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../../src/infra/local/install.ts';
import { OperatorError } from '../../../src/operatorError.ts';

// The disks that Redis can run on. The settings of Redis are those of src/infra/local/localRedis.ts; the rest is changed by a
// wrapper around its program.

/** `slow`: every fsync is delayed. `small`: a tmpfs that can be filled. */
export type RedisDisk = 'normal' | 'slow' | 'small';

const SMALL_DISK_SIZE = '24m';
const STRACE_MISSING = 'strace not found: it makes fsync slow. Install: `sudo apt-get install strace`';

/** Installs strace if it is missing, as src/infra/local/install.ts does for the servers. */
function ensureStrace(announce: (line: string) => void): string {
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
  /** Redis settings that go last and therefore win; empty for the production settings. */
  settings: string[];
  /** How long each fsync takes on the slow disk. */
  fsyncMs: number;
}

/** Writes the program that starts Redis on this disk, for openLocalRedis. */
export function writeRedisProgram(
  folder: string,
  disk: RedisDisk,
  { settings, fsyncMs }: RedisProgram,
  announce: (line: string) => void,
): string {
  const redis = findProgram('redis-server');
  if (redis === undefined) throw new OperatorError('redis-server not found');
  const calls = 'fdatasync,fsync';
  const slow = () =>
    `${ensureStrace(announce)} -f --seccomp-bpf -e trace=${calls} -e inject=${calls}:delay_enter=${fsyncMs * 1_000} -o /dev/null `;
  const file = join(folder, 'redis-program');
  writeFileSync(file, `#!/bin/sh\nexec ${disk === 'slow' ? slow() : ''}${redis} "$@" ${settings.join(' ')}\n`);
  chmodSync(file, 0o700);
  return file;
}

export interface SmallDisk {
  /** Fills the disk, so that the next append of Redis fails with ENOSPC. */
  fill(): void;
  free(): void;
  close(): void;
}

/** Mounts a small disk at this folder. Throws if the user may not mount. */
export function mountSmallDisk(folder: string): SmallDisk {
  mkdirSync(folder, { recursive: true });
  const options = ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_SIZE}`, 'tmpfs', folder];
  const { status, stderr, error } = spawnSync('mount', options, { encoding: 'utf8' });
  if (status !== 0)
    throw new OperatorError(
      `a full disk needs a tmpfs, and mount is refused here: ${(error?.message ?? stderr).trim()}`,
    );
  const filler = join(folder, 'filler');
  return {
    fill() {
      const file = openSync(filler, 'w');
      try {
        for (const chunk of [Buffer.alloc(65_536), Buffer.alloc(1)]) writeUntilFull(file, chunk);
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler, { force: true }),
    close: () => void spawnSync('umount', ['-l', folder]),
  };
}

function writeUntilFull(file: number, chunk: Buffer): void {
  for (;;) {
    try {
      writeSync(file, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}
