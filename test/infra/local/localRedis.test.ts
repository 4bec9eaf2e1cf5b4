import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openDataDir } from '../../../src/infra/local/dataDir.ts';
import { openLocalRedis } from '../../../src/infra/local/localRedis.ts';
import { createDataDir } from '../../support/dataDirs.ts';

const test = suite('the private Redis of a data folder');

/** Timers that keep the process alive. */
const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;

test('leaves no timer that keeps the process alive when it was started and closed', async () => {
  const { dataDir, close } = await openDataDir(createDataDir());
  const before = timers();

  const redis = await openLocalRedis(dataDir, 'redis-server');
  await redis.close();
  const after = timers();

  await close();
  assert.is(after, before);
});

test.run();
