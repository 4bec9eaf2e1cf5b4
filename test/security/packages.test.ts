import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { copiesOf, root, stages } from '../support/dockerfile.ts';
import { fetched, locked, manifests } from '../support/packages.ts';

// A package that changes after it was reviewed, comes from elsewhere, or runs code when it is installed.

const EXACT = /^\d+\.\d+\.\d+$/;
/** Packages that ask to run code at their installation, and why the project works without it. */
const installScripts: Record<string, string> = {
  '@scarf/scarf': 'comes with swagger-ui-dist, and would only report the installation',
};
/** npm runs these commands of a package when it is installed. */
const lifecycle = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare'];

const test = suite('the packages');

for (const [path, { dependencies, devDependencies, optionalDependencies, peerDependencies, ...rest }] of manifests) {
  test(`${path} names every version exactly`, () => {
    const versions = { ...dependencies, ...devDependencies, ...optionalDependencies, ...peerDependencies };
    const inexact = Object.entries({ ...versions, ...rest.overrides }).filter(([, version]) => !EXACT.test(version));
    assert.equal(inexact, []);
    assert.ok(Object.keys(versions).length > 0);
  });

  test(`${path} has no command that runs at the installation`, () => {
    assert.equal(
      Object.keys(rest.scripts).filter((name) => lifecycle.includes(name)),
      [],
    );
  });
}

test('package-lock.json has a SHA-512 checksum of every package', () => {
  const without = fetched.filter(({ integrity = '' }) => !/^sha512-[\w+/]{86}==$/.test(integrity));
  assert.equal(
    without.map(({ path }) => path),
    [],
  );
});

test('package-lock.json names no host, so the registry that is configured serves every package', () => {
  const addresses = [...locked.values()].flatMap(({ link, resolved }) =>
    link || resolved === undefined ? [] : resolved,
  );
  assert.equal(addresses, []);
  assert.equal(
    fetched.filter(({ version = '' }) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)).map(({ path }) => path),
    [],
  );
});

test('only listed packages ask to run code at their installation', () => {
  const asking = fetched.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
  assert.equal(asking.sort(), Object.keys(installScripts).sort());
});

test('a package with an install script runs no code, under the .npmrc of the project alone', () => {
  const installedWith = (npmrc: boolean) => {
    const folder = mkdtempSync(join(tmpdir(), 'seckill-packages-'));
    const hostile = join(folder, 'hostile');
    mkdirSync(hostile);
    const scripts = { postinstall: "node -e \"require('fs').writeFileSync('ran', '')\"" };
    writeFileSync(join(hostile, 'package.json'), JSON.stringify({ name: 'hostile', version: '1.0.0', scripts }));
    const dependencies = { hostile: 'file:hostile' };
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'victim', version: '1.0.0', dependencies }));
    if (npmrc) cpSync(join(root, '.npmrc'), join(folder, '.npmrc'));
    const environment = Object.entries(process.env).filter(([name]) => !/^npm_config_/i.test(name));
    const { status } = spawnSync('npm', ['install', '--offline', '--userconfig', '/dev/null'], {
      cwd: folder,
      env: Object.fromEntries(environment),
    });
    const ran = existsSync(join(hostile, 'ran'));
    rmSync(folder, { recursive: true });
    return { status, ran };
  };

  assert.equal(installedWith(false), { status: 0, ran: true });
  assert.equal(installedWith(true), { status: 0, ran: false });
});

test('the image is installed from package-lock.json under the .npmrc of the project', () => {
  const [packages] = stages;
  const before = packages === undefined ? [] : copiesOf(packages).flatMap(({ sources }) => sources);
  const runs = stages.flatMap(({ instructions }) => instructions.filter((i) => i.getKeyword() === 'RUN'));
  const installing = runs.map((run) => run.getArgumentsContent() ?? '').filter((command) => /\bnpm\b/.test(command));
  assert.ok(before.includes('.npmrc') && before.includes('package-lock.json'));
  assert.is(installing.length, 1);
  assert.match(installing[0] ?? '', /^npm ci --omit=dev /);
});

test('CONTRIBUTING.md has the reason of every package that package.json names, and of no others', () => {
  const section = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8').split('\n## Dependencies\n')[1] ?? '';
  const rows = [...section.matchAll(/^\| (.+?) \| (.+?) \|$/gm)].slice(1);
  const explained = rows.flatMap(([, packages = '']) => packages.split(', '));
  const named = [...manifests.values()].flatMap(({ dependencies, devDependencies }) =>
    Object.keys({ ...dependencies, ...devDependencies }),
  );
  // The types of a package have the reason of the package.
  const expected = new Set(named.map((name) => (name.startsWith('@types/') ? '@types/*' : name)));
  assert.equal(explained.sort(), [...expected].sort());
});

test.run();
