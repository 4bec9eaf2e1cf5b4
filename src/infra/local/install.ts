import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { OperatorError } from '../../operatorError.ts';

// The -core packages contain the programs without a service, so installing them starts no server.
const packagesOf = {
  'redis-server': ['redis-server'],
  mariadbd: ['mariadb-server-core', 'mariadb-client-core'],
  // For the tests of the console; the font is used in its screenshots.
  chromium: ['chromium', 'fonts-inter'],
  // For the test of the requests in docs/API.md.
  curl: ['curl'],
  // For the test of the documented backup.
  'mariadb-dump': ['mariadb-client'],
  // For the tests of MySQL that fails over: a library of the server.
  'libgalera_smm.so': ['galera-4'],
  // For the tests of the broker.
  'nats-server': ['nats-server'],
} as const;
type Program = keyof typeof packagesOf;

// Debian installs servers outside the PATH of an ordinary user.
const folders = () => [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/lib/galera'];

/** The full path of the program; undefined when it is not installed. */
export function findProgram(program: string): string | undefined {
  return folders()
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, program.endsWith('.so') ? constants.R_OK : constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const howToInstall = (missing: Program[]) =>
  `${missing.join(' and ')} not found. Install: ${
    missing.includes('chromium')
      ? 'on Debian `sudo apt-get install chromium`, elsewhere Chromium as a program `chromium` on PATH'
      : missing.includes('nats-server')
        ? 'on Debian or Ubuntu `sudo apt-get install nats-server`, elsewhere nats-server on PATH'
        : missing.includes('libgalera_smm.so')
          ? 'on Debian `sudo apt-get install galera-4`'
          : missing.includes('mariadb-dump')
            ? 'on Debian or Ubuntu `sudo apt-get install mariadb-client`, elsewhere mariadb-dump on PATH'
            : 'on Debian or Ubuntu `sudo apt-get install redis-server mariadb-server-core mariadb-client-core`, on macOS ' +
              '`brew install redis mariadb`, on Fedora `sudo dnf install redis mariadb-server`; or set REDIS_URL, MYSQL_URL ' +
              'and JWT_SECRET to use servers that run elsewhere'
  }`;

/** Installs the missing programs with apt, as root. Where that is impossible, throws OperatorError with the commands to run. */
export function ensurePrograms(needed: Program[], announce: (line: string) => void): void {
  const missing = needed.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  if (findProgram('apt-get') === undefined || process.getuid?.() !== 0) throw new OperatorError(howToInstall(missing));

  announce(`installing ${missing.join(', ')} (apt-get install)`);
  aptGet('update', '-q');
  const packages = missing
    .flatMap((program) => packagesOf[program])
    .map((name) => choosePackage(name, packageNames(name)));
  aptGet('install', '-q', '-y', '--no-install-recommends', ...packages);
  const still = needed.filter((program) => findProgram(program) === undefined);
  if (still.length > 0) throw new OperatorError(howToInstall(still));
}

/** Debian 11 and Ubuntu 22.04 have the version in the names of MariaDB's packages: the newest one where the plain name is unknown. */
export function choosePackage(name: string, available: readonly string[]): string {
  if (available.includes(name)) return name;
  const versioned = available.filter(
    (other) => other.startsWith(`${name}-`) && /^[\d.]+$/.test(other.slice(name.length + 1)),
  );
  return versioned.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? name;
}

/** The names of packages that begin with this name, as apt knows them. */
function packageNames(name: string): string[] {
  const { stdout } = spawnSync('apt-cache', ['pkgnames', name], { encoding: 'utf8' });
  return (stdout ?? '').split('\n');
}

function aptGet(...args: string[]): void {
  const { status, stderr, error } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
    // RUNLEVEL=1 keeps Debian from starting the service of the package.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim().split('\n').slice(-2).join(' ');
  throw new OperatorError(`apt-get ${args[0]} failed: ${reason}`);
}
