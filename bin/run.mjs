#!/usr/bin/env node
// The entry of every npm command: installs missing packages, then runs the given TypeScript file in this process, so that signals
// and exit statuses need no forwarding. Plain JavaScript, because no package is installed yet when it starts on a fresh clone.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stopWith = (line) => {
  console.error(line);
  process.exit(1);
};

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 12))
  stopWith(`seckill needs Node 20.12 or newer, this is ${process.version}`);

// Linux ignores a signal without a handler when it is sent to process 1 of a container. This handler exits until the program has one.
if (process.pid === 1) {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ])
    process.once(signal, () => process.listenerCount(signal) > 0 || process.exit(128 + number));
}

// A reader of the output that has gone, a terminal that was closed, a full disk: the output is lost, and the work goes on. Without
// these listeners the process would crash, and leave the private servers behind.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const [script, ...args] = process.argv.slice(2);
if (script === undefined) stopWith('usage: node bin/run.mjs FILE [ARGUMENTS]');
const entry = resolve(root, script);
// Files under src run in production, where the development packages are not needed: the image does not contain them.
const inProduction = entry.startsWith(resolve(root, 'src'));

// npm stores a copy of the lock file that it installed: a package that differs in the copy is missing or outdated. Packages for
// other platforms are marked optional and are never in the copy.
function packagesAreCurrent() {
  const installed = resolve(root, 'node_modules/.package-lock.json');
  if (!existsSync(installed)) return false;
  const wanted = JSON.parse(readFileSync(resolve(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(installed, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional, dev }]) =>
      path === '' || optional || (dev && inProduction) || have[path]?.version === version,
  );
}

if (!packagesAreCurrent()) {
  console.error('installing the npm packages of package-lock.json (npm ci)');
  const { status, error, stderr } = spawnSync('npm', ['ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // The first error line of npm is the reason; usage and the path of its log follow.
  const reason = error?.message ?? stderr.split('\n').filter((line) => /^npm error [^c]/.test(line))[0];
  if (status !== 0) stopWith(`npm ci failed: ${reason ?? stderr.trim()} (run \`npm ci\` for the full output)`);
}

process.argv = [process.argv[0], entry, ...args];
if (existsSync('.env')) process.loadEnvFile('.env');
// Both caches are keyed by the content of each file, so they are never stale, and where they cannot be written there is none.
// Coverage is exact only without the cache of compiled functions.
const noCache = process.env.NODE_DISABLE_COMPILE_CACHE !== undefined;
if (!noCache && process.env.NODE_V8_COVERAGE === undefined)
  module.enableCompileCache?.(resolve(root, '.cache/compiled'));
if (!process.features.typescript)
  module.register('./stripTypes.mjs', import.meta.url, {
    data: { cache: noCache ? undefined : resolve(root, '.cache/stripped') },
  });
await import(pathToFileURL(entry).href);
