import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limitsOfProcess, networkOf } from '../../src/http/edge/connectionLimits.ts';
import { openFilesLimit } from '../../src/http/edge/openFiles.ts';
import { readableLog } from '../support/readableLog.ts';

const test = suite('the limits of connections');

for (const [address, network] of [
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::6', '2001:db8:1:2'],
  ['2001:db8::6', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
] as const) {
  test(`${address} counts as ${network}`, () => {
    assert.is(networkOf(address), network);
  });
}

const settings = { maxConnections: 1_000, maxConnectionsPerAddress: 100, workers: 4 };

test('each worker has its share of the settings', () => {
  const { log, lines } = readableLog();
  assert.equal(limitsOfProcess(settings, undefined, log), { total: 250, perAddress: 25 });
  assert.equal(limitsOfProcess(settings, 65_536, log), { total: 250, perAddress: 25 });
  assert.equal(limitsOfProcess({ ...settings, maxConnectionsPerAddress: 0 }, undefined, log).perAddress, 0);
  assert.equal(lines(), []);
});

test('a limit of open files that is too low lowers the number of connections, and is logged as a warning', () => {
  const { log, lines } = readableLog();
  assert.is(limitsOfProcess(settings, 256, log).total, 128);
  assert.is(limitsOfProcess(settings, 64, log).total, 1);
  assert.equal(
    lines().map(({ level }) => level),
    [40, 40],
  );
});

test('the limit of open files is that of this process, and unknown on a system without /proc', () => {
  if (process.platform === 'linux') assert.ok(Number(openFilesLimit()) > 0);
  assert.is(openFilesLimit('/nonexistent'), undefined);
});

test.run();
