import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLog } from '../../src/infra/telemetry/log.ts';
import { bytesToId } from '../../src/projections/log/eventRows.ts';
import { openSystem } from '../../src/system.ts';
import { lifeOf } from '../support/couponLife.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { grantTests } from '../support/grantTests.ts';
import { openOwnMariadb } from '../support/ownMariadb.ts';
import { endPrograms, startProgram } from '../support/program.ts';
import { openTestStores } from '../support/testStores.ts';
import { givenCoupon, settled } from '../support/testSystem.ts';

// The user who archives, and the user who reads what is archived, have exactly the grants of docs/OPERATIONS.md.

const mariadb = await openOwnMariadb();
const stores = await openTestStores({ MYSQL_URL: mariadb.url });
const { system, close: closeSystem } = await openSystem(stores.config, createLog('silent'));
const test = suite('the users of MySQL for archives');

// A closed coupon without pieces is over. The newest event is one of another coupon.
await givenCoupon(system, 'ann', 'over', 3);
await lifeOf(system, { seller: 'ann', name: 'over' }).close();
await settled(system);
await givenCoupon(system, 'ann', 'sea', 3);
await settled(system);
const folder = createDataDir();
const [over] = await system.mysql('coupons').where({ name: 'over' });
const file = join(folder, `${bytesToId(over.id)}.ndjson.gz`);
const archive = (): [string, ...string[]] => ['archiveLog', '--before', new Date().toISOString(), '--out', folder];
const restore = (): [string, ...string[]] => ['archiveLog', '--restore', file];
const [tool, ...args] = archive();
const archived = await startProgram(`src/tools/${tool}.ts`, stores.environment, args).ended;
assert.match(archived.stdout, /^1 coupons with 2 events archived/m, archived.stderr);

const grantsOf = grantTests(test, { ...mariadb, environment: stores.environment });
grantsOf('seckill_read', [
  () => ['verify', '--archive', folder],
  () => ['exportLog', join(createDataDir(), 'log.ndjson')],
]);
// Whatever a failure has left, the first step leads to a coupon that is not archived.
grantsOf('seckill_archive', [restore, archive, restore]);

test.after(async () => {
  await endPrograms();
  await closeSystem();
  await stores.close();
  await mariadb.close();
});
test.run();
