import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Result {
  passed: number;
  failed: number;
}

export interface SuiteRun {
  /** Names the surroundings in the lines that are printed, such as a release of Node. */
  title: string;
  node: string;
  env: NodeJS.ProcessEnv;
  stop: AbortSignal;
}

/** Runs programs of the tests one after the other, prints their output, and adds up their last lines. */
export async function runSuites(suites: readonly string[][], { title, node, env, stop }: SuiteRun): Promise<Result> {
  const started = performance.now();
  const total = { passed: 0, failed: 0 };
  for (const args of suites) {
    console.log(`${title}: ${args.join(' ')}`);
    const child = spawn(node, ['bin/run.mjs', ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    const { passed, failed } = await resultOf(child);
    stop.throwIfAborted();
    total.passed += passed;
    total.failed += failed;
  }
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  console.log(`${title}: ${total.passed} passed, ${total.failed} failed, ${seconds} s`);
  return total;
}

/** Prints the output of a run and reads its last line. Any other last line, or an exit status but 0, counts as a failure. */
async function resultOf(child: ChildProcess): Promise<Result> {
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
    process.stdout.write(chunk);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const [, passed = '0', failed = '1'] =
    /^(\d+) passed, (\d+) failed$/.exec(output.trim().split('\n').at(-1) ?? '') ?? [];
  return { passed: Number(passed), failed: status === 0 ? Number(failed) : Math.max(1, Number(failed)) };
}
