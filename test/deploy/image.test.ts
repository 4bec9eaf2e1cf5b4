import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { Job } from 'kubernetes-types/batch/v1.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openComposeStores } from '../support/composeStores.ts';
import { buildInFolder, command, healthcheck, imageEnvironment } from '../support/dockerfile.ts';
import { freePort } from '../support/freePort.ts';
import { manifestOf } from '../support/manifests.ts';

// Runs the content of the image without a container engine: the files that the Dockerfile copies, the packages that it installs and
// the command that it starts. Where the tests may create namespaces, the program runs with these files as its whole file system,
// read-only, as in a container. Elsewhere it runs as a user without write permission, without npm and without a folder for
// temporary files.

const folder = mkdtempSync(join(tmpdir(), 'seckill-image-'));
const test = suite('the image');
const app = buildInFolder(folder);
chmodSync(folder, 0o755);
const bin = join(folder, 'bin');
mkdirSync(bin);
const stores = await openComposeStores();

const nobody = { uid: 1000, gid: 1000 };
// Where another user cannot run this Node, or the tests do not run as root, the program runs as the user of the tests.
const user = spawnSync(process.execPath, ['--version'], nobody).status === 0 ? nobody : {};
const imageRoot = dirname(app);
// The container runtime provides these two folders.
for (const name of ['proc', 'dev']) mkdirSync(join(imageRoot, name));
const asContainer = `set -e
image=$1 path=$2; shift 2
mount --bind "$image" "$image"
for name in proc dev; do mount --rbind /$name "$image/$name"; done
mount -o remount,ro,bind "$image"
unshare=$(command -v unshare)
PATH=$path exec "$unshare" --root="$image" --wd=/app --setuid=1000 --setgid=1000 -- "$@"`;
const isolated = (args: string[]) => [
  ...['--mount', 'sh', '-c', asContainer, 'sh', imageRoot, imageEnvironment.PATH ?? ''],
  ...args,
];
const canIsolate = spawnSync('unshare', ['--mount', 'mount', '--rbind', '/proc', join(imageRoot, 'proc')]).status === 0;
const run = (args: string[], environment: Record<string, string>) => {
  const variables = { ...imageEnvironment, HOME: '/nonexistent', TMPDIR: '/proc/nowhere', ...environment };
  const child = canIsolate
    ? spawn('unshare', isolated(args), { env: { ...variables, PATH: process.env.PATH } })
    : spawn(process.execPath, args.slice(1), { cwd: app, env: { ...variables, PATH: bin }, ...user });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = once(child, 'close').then(([status]) => ({ status, output }));
  const listening = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', () => {
      const [, port] = /^listening on http:\/\/\S+:(\d+)$/m.exec(output) ?? [];
      if (port !== undefined) resolve(port);
    });
    child.once('close', () => reject(new Error(`ended before it listened: ${output}`)));
  });
  listening.catch(() => {});
  return { child, ended, listening };
};
const filesIn = (path: string) => readdirSync(path, { recursive: true, withFileTypes: true }).length;

test('the arguments of the Job run the migrations with only MYSQL_URL set', async () => {
  const [container] = manifestOf<Job>('Job').spec?.template.spec?.containers ?? [];
  const { MYSQL_URL = '' } = stores.environment;

  const { status, output } = await run(container?.args ?? [], { MYSQL_URL }).ended;

  assert.is(status, 0, output);
  // Standard error names the store first.
  assert.match(output, /^migrated: 0001_tables/m);
});

for (const workers of ['1', '2']) {
  test(`CMD with WORKERS=${workers} serves all pages, is healthy, writes no file, and exits with 0 after SIGTERM`, async () => {
    const before = filesIn(app);

    const OPS_PORT = String(await freePort());
    const started = run(command, { ...stores.environment, WORKERS: workers, PORT: '0', OPS_PORT, HOST: '127.0.0.1' });
    const port = await started.listening;

    for (const path of ['/', '/console/app.js', '/console/uPlot.js', '/docs', '/docs/swagger-ui.css', '/openapi.json'])
      assert.is((await fetch(`http://127.0.0.1:${port}${path}`)).status, 200, path);
    for (const path of ['/readyz', '/metrics'])
      assert.is((await fetch(`http://127.0.0.1:${OPS_PORT}${path}`)).status, 200, path);
    const healthOn = async (ports: Record<string, string>) => (await run(healthcheck, ports).ended).status;
    assert.is(await healthOn({ PORT: port }), 0);
    assert.is(await healthOn({ PORT: '1', OPS_PORT }), 0);

    started.child.kill('SIGTERM');
    const { status, output } = await started.ended;

    assert.is(status, 0, output);
    assert.is(await healthOn({ PORT: port }), 1);
    assert.is(await healthOn({ PORT: port, OPS_PORT }), 1);
    assert.is(filesIn(app), before);
  });
}

// Where the tests may create namespaces, the server runs as process 1 of a new one, as it does in a container.
const unshare = ['unshare', '--pid', '--fork', '--kill-child'];
if (spawnSync('unshare', [...unshare.slice(1), 'true']).status === 0) {
  const asProcess1 = () => {
    const environment = { ...imageEnvironment, ...stores.environment, PORT: '0', OPS_PORT: '', HOST: '127.0.0.1' };
    const [program = '', ...args] = [...unshare, process.execPath, ...command.slice(1)];
    const child = spawn(program, args, { cwd: app, env: { ...environment, PATH: process.env.PATH } });
    const childrenFile = `/proc/${child.pid}/task/${child.pid}/children`;
    const terminate = () => {
      const [server] = existsSync(childrenFile) ? readFileSync(childrenFile, 'utf8').split(' ').filter(Boolean) : [];
      if (server !== undefined) process.kill(Number(server), 'SIGTERM');
    };
    return { child, terminate, ended: once(child, 'close') };
  };

  test('a server that is process 1 exits with 0 after SIGTERM', async () => {
    const { child, terminate, ended } = asProcess1();
    await once(child.stdout, 'data');

    terminate();

    assert.equal(await ended, [0, null]);
  });

  test('a server that is process 1 and still starting exits immediately after SIGTERM', async () => {
    const { terminate, ended } = asProcess1();

    const again = setInterval(terminate, 50);

    assert.equal(await ended.finally(() => clearInterval(again)), [143, null]);
  });
}

test('without the settings of the stores, the server exits with 1 and one line that has the missing setting', async () => {
  const { status, output } = await run(command, {}).ended;

  assert.is(status, 1);
  assert.match(output, /^[A-Z_]+: [^\n]+\n$/);
});

test('the image has no tests and no development packages', () => {
  assert.equal(readdirSync(app).sort(), [
    '.npmrc',
    'LICENSE',
    'bin',
    'client',
    'migrations',
    'node_modules',
    'package-lock.json',
    'package.json',
    'src',
    'web',
  ]);
  assert.not(readdirSync(join(app, 'node_modules')).includes('uvu'));
});

test('the image has no program but Node, so no shell', () => {
  const files = readdirSync(imageRoot, { recursive: true, withFileTypes: true }).filter(
    ({ parentPath }) => !/^(app|proc|dev)(\/|$)/.test(relative(imageRoot, parentPath)),
  );
  const programs = files.filter((file) => file.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  assert.equal(
    programs
      .map((file) => relative(imageRoot, file))
      .filter((file) => !/^lib(64)?\/([\w-]+\/)?(ld-[\w-]+|lib[\w+]+)\.so\.\d+$/.test(file)),
    ['usr/local/bin/node'],
  );
});

if (canIsolate) {
  test('the file system of the server is read-only, and has no shell', async () => {
    const attempts = `const { execSync } = require('node:child_process'); const { writeFileSync } = require('node:fs');
      for (const attempt of [() => writeFileSync('/app/written', ''), () => writeFileSync('/written', ''), () => execSync('true')])
        try { attempt(); console.log('done'); } catch ({ code }) { console.log(code); }`;

    const { output } = await run(['node', '-e', attempts], {}).ended;

    assert.is(output, 'EROFS\nEROFS\nENOENT\n');
  });
}

test.after(async () => {
  await stores.close();
  rmSync(folder, { recursive: true });
});
test.run();
