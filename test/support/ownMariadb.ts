import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { openAll } from '../../src/infra/closers.ts';
import { openDataDir } from '../../src/infra/local/dataDir.ts';
import { findProgram } from '../../src/infra/local/install.ts';
import { openLocalMariadb } from '../../src/infra/local/localMariadb.ts';
import { createDataDir } from './dataDirs.ts';
import { freePort } from './freePort.ts';

/**
 * A MariaDB of its own, for tests that change settings of the whole server. It listens on a port of 127.0.0.1 as well; `args` are added to
 * its arguments. `run` carries out statements as root.
 */
export const openOwnMariadb = (args: readonly string[] = []) =>
  openAll(async (remember) => {
    const { dataDir, close } = await openDataDir(createDataDir());
    remember(close);
    const port = await freePort();
    const program = join(dataDir.path, 'mariadbd');
    const added = ['--skip-networking=0', '--bind-address=127.0.0.1', `--port=${port}`, ...args];
    writeFileSync(
      program,
      `#!/bin/sh\nexec ${findProgram('mariadbd')} "$@" ${added.map((arg) => `'${arg}'`).join(' ')}\n`,
    );
    chmodSync(program, 0o700);
    const server = await openLocalMariadb(dataDir, program);
    remember(server.close);
    const socketPath = new URL(server.url).searchParams.get('socketPath') ?? '';
    const run = async (...statements: string[]) => {
      const connection = await createConnection({ socketPath, user: 'root' });
      for (const statement of statements) await connection.query(statement);
      await connection.end();
    };
    const connection = await createConnection({ socketPath, user: 'root' });
    const [rows] = await connection.query('SELECT VERSION() AS version');
    await connection.end();
    // `npm run test:stores` puts MySQL in the place of MariaDB.
    const isMariadb = /mariadb/i.test(JSON.stringify(rows));
    /** Shuts the server down and starts it again on the same data. */
    const restart = async () => {
      await server.close();
      await server.start();
    };
    return { url: server.url, port, run, restart, stop: server.close, start: server.start, isMariadb };
  });
