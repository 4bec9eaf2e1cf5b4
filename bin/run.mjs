#!/usr/bin/env node
// The front of every npm command: makes a bare clone runnable, then runs the TypeScript file it was given in this very process
// (so that signals and exit statuses need no forwarding). Plain JavaScript on purpose: nothing is installed yet when it starts.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

// A signal that nobody handles ends a process, but not process 1 of a container. Until the program handles it, this does.
if (process.pid === 1) {
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ])
    process.once(signal, () => process.listenerCount(signal) > 0 || process.exit(128 + number));
}

const [script, ...args] = process.argv.slice(2);
if (script === undefined) stopWith('usage: node bin/run.mjs FILE [ARGUMENTS]');
const entry = resolve(root, script);
// What runs in production does without the packages of tests and checks: the image has none of them.
const inProduction = entry.startsWith(resolve(root, 'src'));

// npm keeps a copy of the lock it installed: a package that differs there is missing or stale. Packages for other platforms
// are marked optional and are never in the copy.
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
  // What npm says first is the reason; its usage and the place of its log follow.
  const reason = error?.message ?? stderr.split('\n').filter((line) => /^npm error [^c]/.test(line))[0];
  if (status !== 0) stopWith(`npm ci failed: ${reason ?? stderr.trim()} (run \`npm ci\` to see it all)`);
}

process.argv = [process.argv[0], entry, ...args];
if (existsSync('.env')) process.loadEnvFile('.env');
const { register } = await import('tsx/esm/api');
register();
await import(pathToFileURL(entry).href);
