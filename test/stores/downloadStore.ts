import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startProgress } from '../../src/infra/progress.ts';
import { NotDownloadable, openPrivateApt } from './privateApt.ts';
import type { StoreKind } from './storeKinds.ts';

export interface DownloadedStore {
  /** The root of the unpacked packages. */
  tree: string;
  /** Of the package of Debian. */
  version: string;
}

/** What a server does not need. */
const SUPERFLUOUS = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/perl', 'usr/bin/perl'];

/**
 * The newest version of a store, unpacked in a folder of its own below `cache`. Without a connection, the version of an earlier run.
 * Throws NotDownloadable where there is neither.
 */
export async function downloadStore(
  kind: StoreKind,
  cache: string,
  announce: (line: string) => void,
  stop: AbortSignal,
): Promise<DownloadedStore> {
  const [server] = kind.packages;
  const home = join(cache, server);
  const trees = join(home, 'trees');
  mkdirSync(trees, { recursive: true });
  // A tree has its name from the moment when it is complete.
  const treeOf = (version: string) => join(trees, version);
  try {
    const apt = await openPrivateApt(join(home, 'apt'), stop);
    // Without the epoch: a path with a colon would be two paths to the loader of libraries.
    const version = (await apt.newest(server)).replace(/^\d+:/, '');
    if (!existsSync(treeOf(version))) {
      announce(`downloading ${kind.title} ${version} with its libraries into ${home}; nothing is installed`);
      const progress = startProgress();
      const archives = await apt
        .download(kind.packages, (done) => progress.show({ label: `downloading ${kind.title}, %`, done, of: 100 }))
        .finally(progress.stop);
      await unpack(archives, `${treeOf(version)}.new`);
      for (const older of readdirSync(trees))
        if (older !== `${version}.new`) rmSync(join(trees, older), { recursive: true });
      renameSync(`${treeOf(version)}.new`, treeOf(version));
      rmSync(archives, { recursive: true });
    }
    return { tree: treeOf(version), version };
  } catch (error) {
    if (!(error instanceof NotDownloadable)) throw error;
    const kept = readdirSync(trees).find((name) => !name.endsWith('.new'));
    if (kept === undefined) throw error;
    announce(`${error.message}; going on with ${kind.title} ${kept} of an earlier run`);
    return { tree: treeOf(kept), version: kept };
  }
}

async function unpack(archives: string, tree: string): Promise<void> {
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree);
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    await promisify(execFile)('dpkg-deb', ['-x', join(archives, file), tree]);
  for (const path of SUPERFLUOUS) rmSync(join(tree, path), { recursive: true, force: true });
}
