import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../src/infra/local/install.ts';

// An apt with a state of its own: it reads another suite of the machine's own archive, believes that nothing is installed, and so
// downloads a server with all of its libraries. The packages of the machine stay as they are.

/** The suite with the newest versions. */
const SUITE = 'sid';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The packages cannot be downloaded on this machine or at this time. */
export class NotDownloadable extends Error {}

export interface PrivateApt {
  /** The newest version of the package. */
  newest(name: string): Promise<string>;
  /** Downloads the packages and all that they depend on, and resolves to the folder with the files. */
  download(names: readonly string[], onPercent: (percent: number) => void): Promise<string>;
}

/** Reads the list of packages. `folder` is for the state of this apt alone. Throws NotDownloadable. */
export async function openPrivateApt(folder: string, stop: AbortSignal): Promise<PrivateApt> {
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'none'])
    mkdirSync(join(folder, part), { recursive: true });
  const archive = await archiveOfMachine();
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : '';
  writeFileSync(join(folder, 'sources.list'), `deb ${signed}${archive} ${SUITE} main\n`);
  writeFileSync(join(folder, 'status'), '');
  const settings = {
    'Dir::State': join(folder, 'state'),
    'Dir::State::status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    'Dir::Etc::sourcelist': join(folder, 'sources.list'),
    'Dir::Etc::sourceparts': join(folder, 'none'),
    'Dir::Etc::preferences': join(folder, 'none/preferences'),
    'Dir::Etc::preferencesparts': join(folder, 'none'),
    // Root would otherwise download as a user who cannot write to this folder.
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  };
  const config = join(folder, 'apt.conf');
  writeFileSync(
    config,
    Object.entries(settings)
      .map(([name, value]) => `${name} "${value}";\n`)
      .join(''),
  );
  const env = { ...process.env, APT_CONFIG: config, LC_ALL: 'C' };
  await run('apt-get', ['update', '-q', '--error-on=any'], env, stop);
  return {
    async newest(name) {
      const { stdout } = await promisify(execFile)('apt-cache', ['policy', name], { env });
      const [, version = '(none)'] = /^ {2}Candidate: (\S+)$/m.exec(stdout) ?? [];
      if (version === '(none)') throw new NotDownloadable(`the suite ${SUITE} has no package ${name}`);
      return version;
    },
    async download(names, onPercent) {
      const args = ['install', '-q', '-y', '--no-install-recommends', '--download-only', ...names];
      await run('apt-get', args, env, stop, onPercent);
      return join(folder, 'cache/archives');
    },
  };
}

/** The address of the archive that the machine installs Debian's packages from, as apt itself reads its sources. */
async function archiveOfMachine(): Promise<string> {
  if (findProgram('apt-get') === undefined) throw new NotDownloadable('apt-get not found: this needs Debian');
  const release = readFileSync('/etc/os-release', 'utf8');
  const [, codename = ''] = /^VERSION_CODENAME=(\w+)$/m.exec(release) ?? [];
  if (!/^ID=debian$/m.test(release)) throw new NotDownloadable('this machine does not run Debian');
  const format = '$(REPO_URI) $(RELEASE)';
  const args = ['indextargets', '--format', format, 'Created-By: Packages', 'Component: main'];
  const { stdout } = await promisify(execFile)('apt-get', args);
  const targets = stdout.split('\n').map((line) => line.split(' '));
  const [archive] = targets.find(([, suite]) => suite === codename || suite === 'stable') ?? [];
  if (archive === undefined) throw new NotDownloadable(`apt has no source of ${codename || 'Debian'}`);
  return archive;
}

async function run(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  stop: AbortSignal,
  onPercent?: (percent: number) => void,
): Promise<void> {
  const options = onPercent === undefined ? [] : ['-o', 'APT::Status-Fd=3'];
  const child = spawn(program, [...options, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    signal: stop,
  });
  let errors = '';
  child.stderr?.on('data', (chunk) => (errors += chunk));
  child.stdio[3]?.on('data', (chunk) => {
    const [, percent] = /^dlstatus:\d+:([\d.]+):/m.exec(String(chunk)) ?? [];
    if (percent !== undefined) onPercent?.(Number(percent));
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => reject(stop.aborted ? stop.reason : error));
    child.once('close', resolve);
  });
  stop.throwIfAborted();
  if (status === 0) return;
  // The addresses of archives stay out of the message, since it may end in a public log.
  const [first = ''] = errors.trim().split('\n');
  const reason = first.replace(/^[EW]: /, '').replaceAll(/\bhttps?:\S+/g, 'a file of the archive');
  throw new NotDownloadable(`${program} ${args[0]}: ${reason || `exit ${status}`}`);
}
