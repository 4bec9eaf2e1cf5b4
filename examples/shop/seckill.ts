import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../../src/operatorError.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const RESTART_MS = 500;

/**
 * Runs seckill with private stores in a folder of its own, and starts it again when it dies, as systemd or Kubernetes would. `remember`
 * takes the closer before seckill is open, so that a start which is interrupted leaves no process behind.
 */
export async function openSeckill(
  folder: string,
  settings: Record<string, string>,
  remember: (close: () => Promise<void>) => void,
): Promise<{ url: string }> {
  mkdirSync(folder, { recursive: true });
  let child: ChildProcess | undefined;
  let closing = false;
  remember(async () => {
    closing = true;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGINT');
    await once(child, 'exit');
  });

  /** Resolves to the address when seckill takes grabs. */
  const start = (port: string) =>
    new Promise<string>((resolve, reject) => {
      const { PATH, HOME } = process.env;
      const started = spawn(
        process.execPath,
        ['--expose-gc', '--max-semi-space-size=32', `${root}bin/run.mjs`, `${root}src/main.ts`],
        {
          // Neither the settings of this environment nor a file .env apply: they may name the stores of another system.
          cwd: folder,
          env: { PATH, HOME, DATA_DIR: folder, WORKERS: '1', LOG_LEVEL: 'warn', ...settings, PORT: port },
          stdio: ['ignore', 'pipe', 'inherit'],
          // In a process group of its own: Ctrl-C reaches the shop alone, which stops reading events before it stops seckill.
          detached: true,
        },
      );
      child = started;
      createInterface(started.stdout).on('line', (line) => {
        const [, url] = /^listening on (\S+)$/.exec(line) ?? [];
        console.log(url === undefined ? line : `seckill ${url} (process ${started.pid})`);
        if (url !== undefined) resolve(url);
      });
      started.once('exit', () => reject(new OperatorError('seckill ended before it took grabs')));
      started.once('error', reject);
    });

  const url = await start(settings.PORT ?? '0');
  void (async () => {
    while (!closing) {
      if (child?.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (closing) return;
      console.log('seckill ended; starting it again');
      await sleep(RESTART_MS);
      if (!closing) await start(new URL(url).port).catch((error) => console.log(error.message));
    }
  })();
  return { url };
}
