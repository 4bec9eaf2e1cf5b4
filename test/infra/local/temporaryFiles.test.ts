import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openDataDir } from '../../../src/infra/local/dataDir.ts';
import { findProgram } from '../../../src/infra/local/install.ts';
import { openLocalMariadb } from '../../../src/infra/local/localMariadb.ts';
import { openComposeStores } from '../../support/composeStores.ts';
import { createDataDir } from '../../support/dataDirs.ts';
import { createTemporaryFile } from '../../support/temporaryFile.ts';

async function openPrivate() {
  const { dataDir, close } = await openDataDir(createDataDir());
  const mariadb = await openLocalMariadb(dataDir, findProgram('mariadbd') ?? '');
  const closeBoth = async () => {
    await mariadb.close();
    await close();
  };
  return { close: closeBoth };
}

for (const [which, open] of [
  ['the private MariaDB', openPrivate],
  ['the MariaDB of compose.yml', openComposeStores],
] as const)
  test(`${which} leaves the temporary files of other servers alone`, async () => {
    const file = createTemporaryFile();
    const { close } = await open();
    await close();
    assert.ok(file.isThere());
    file.close();
  });

test.run();
