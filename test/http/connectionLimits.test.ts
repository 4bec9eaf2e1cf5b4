import type { Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { limitsOfProcess } from '../../src/http/edge/connectionLimits.ts';
import { openFilesLimit } from '../../src/http/edge/openFiles.ts';
import { peerAddress } from '../../src/infra/limits/clientAddress.ts';
import { readableLog } from '../support/readableLog.ts';

const test = suite('the limits of connections');

for (const [remoteAddress, counted] of [
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8::/64'],
  ['::1', '::/64'],
  [undefined, 'unknown'],
] as const) {
  test(`a connection from ${remoteAddress} counts as one from ${counted}`, () => {
    assert.is(peerAddress({ remoteAddress } as Socket), counted);
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

test('without MAX_CONNECTIONS, there are as many connections as the open files allow, at most 20,000, and no warning', () => {
  const { log, lines } = readableLog();
  const unset = { ...settings, maxConnections: undefined, workers: 1 };
  assert.is(limitsOfProcess(unset, undefined, log).total, 20_000);
  assert.is(limitsOfProcess(unset, 65_536, log).total, 20_000);
  assert.is(limitsOfProcess(unset, 20_000, log).total, 19_872);
  assert.is(limitsOfProcess({ ...unset, workers: 4 }, 20_000, log).total, 5_000);
  assert.equal(lines(), []);
});

test('a MAX_CONNECTIONS above the limit of open files is lowered, and is logged as a warning', () => {
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
