import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const running = new Set<ChildProcess>();

/** Ends the programs that a failed test has left running; the test file would wait for them otherwise. */
export async function endPrograms(): Promise<void> {
  const left = [...running];
  for (const child of left) child.kill('SIGINT');
  await Promise.all(left.map((child) => once(child, 'close')));
}

/** One process unless the test is about several: many tests act on the process that they have started. */
const settings = { LOG_LEVEL: 'silent', PORT: '0', WORKERS: '1', ARGON2_MEMORY_KIB: '8', ARGON2_PASSES: '1' };

/**
 * Runs one of the project's programs as `npm start` does, without npm. The program gets none of the settings of the test run.
 * `openFiles`: the number of files that it may open.
 */
export function startProgram(
  file: string,
  environment: NodeJS.ProcessEnv,
  args: string[] = [],
  cwd = root,
  openFiles?: number,
) {
  const { PATH, HOME } = process.env;
  const limited = openFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh'];
  const [command = '', ...words] = [...limited, process.execPath, 'bin/run.mjs', file, ...args];
  const child = spawn(command, words, {
    cwd,
    env: { PATH, HOME, ...settings, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (status) => resolve({ status, stdout, stderr })),
  );
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const [, url] = /^listening on (\S+)$/m.exec(stdout) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.once('close', () => reject(new Error(`ended before it listened: ${stderr}`)));
  });
  // A test that does not wait for the program is not interested in its failure.
  listening.catch(() => {});
  const resolvesWhen = (stream: Readable, text: () => string) => (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const check = () => pattern.test(text()) && resolve();
      stream.on('data', check);
      child.once('close', () => reject(new Error(`ended without ${pattern}: ${text()}`)));
      check();
    });
  return {
    pid: child.pid,
    listening,
    /** Resolves when standard error matches. */
    printed: resolvesWhen(child.stderr, () => stderr),
    /** Resolves when standard output matches. */
    printsOutput: resolvesWhen(child.stdout, () => stdout),
    /** What is on standard output until now. */
    output: () => stdout,
    ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
  };
}

/** Starts a server as `npm start` does. */
export const startServer = (environment: NodeJS.ProcessEnv, openFiles?: number) =>
  startProgram('src/main.ts', environment, [], root, openFiles);
