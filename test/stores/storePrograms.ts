import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DownloadedStore } from './downloadStore.ts';
import type { StoreKind } from './storeKinds.ts';

// Wrappers with the names of the programs that src/infra/local looks for on PATH. Each runs a program of the tree with the libraries of
// the tree, since those of the machine are older.

/** Writes the wrappers into a folder, which is then put first on PATH. Returns the path of the one that starts the server. */
export function writeStorePrograms(folder: string, kind: StoreKind, { tree }: DownloadedStore): string {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, script: string) => writeFileSync(join(folder, name), script, { mode: 0o755 });
  const inTree = runner(tree);
  switch (kind.family) {
    case 'mysql':
      write('mariadbd', mysqlServer(inTree(kind.program), tree));
      write('mariadb-install-db', mysqlSetUp(inTree(kind.program), tree));
      return join(folder, 'mariadbd');
    case 'mariadb':
      // Its set-up is a script that calls the programs of the tree by their paths.
      for (const program of ['usr/sbin/mariadbd', 'usr/bin/my_print_defaults', 'usr/bin/resolveip'])
        replaceByWrapper(tree, program);
      write(
        'mariadbd',
        `#!/bin/sh\nexec '${tree}/usr/sbin/mariadbd' "$@" --plugin-dir='${tree}/usr/lib/mysql/plugin'\n`,
      );
      write(
        'mariadb-install-db',
        `#!/bin/sh\nfirst=$1\nshift\nexec '${tree}/usr/bin/mariadb-install-db' "$first" --basedir='${tree}/usr' "$@"\n`,
      );
      return join(folder, 'mariadbd');
    case 'redis':
      write('redis-server', `#!/bin/sh\nexec ${inTree(kind.program)} "$@"\n`);
      return join(folder, 'redis-server');
    default:
      return kind.family satisfies never;
  }
}

/** The command that runs a program of the tree. */
function runner(tree: string): (program: string) => string {
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' });
  const loader = files.find((file) => /(^|\/)ld-linux[\w-]*\.so\.\d$/.test(file) && file.startsWith('usr/lib/'));
  if (loader === undefined) throw new Error(`${tree} has no loader`);
  const libraries = join(tree, loader.replace(/\/[^/]+$/, ''));
  return (program) => `'${join(tree, loader)}' --library-path '${libraries}' '${join(tree, program)}'`;
}

function replaceByWrapper(tree: string, program: string): void {
  const path = join(tree, program);
  const binary = `${path}.binary`;
  if (existsSync(binary) || !existsSync(path)) return;
  renameSync(path, binary);
  writeFileSync(path, `#!/bin/sh\nexec ${runner(tree)(`${program}.binary`)} "$@"\n`, { mode: 0o755 });
}

const mysqlFolders = (tree: string) =>
  [
    `--plugin-dir='${tree}/usr/lib/mysql/plugin'`,
    `--lc-messages-dir='${tree}/usr/share/mysql'`,
    `--character-sets-dir='${tree}/usr/share/mysql/charsets'`,
    '--secure-file-priv=NULL',
  ].join(' ');

/** As Oracle ships it, MySQL has a binary log: the argument that switches it off is left out. */
const mysqlServer = (mysqld: string, tree: string) => `#!/bin/sh
for argument; do
  shift
  [ "$argument" = --skip-log-bin ] || set -- "$@" "$argument"
done
exec ${mysqld} "$@" ${mysqlFolders(tree)} --mysqlx=OFF
`;

/** Takes the folder and the user from the arguments of mariadb-install-db. */
const mysqlSetUp = (mysqld: string, tree: string) => `#!/bin/sh
for argument; do
  case $argument in
    --datadir=* | --user=*) set -- "$@" "$argument" ;;
  esac
  shift
done
exec ${mysqld} --no-defaults --initialize-insecure "$@" ${mysqlFolders(tree)}
`;
