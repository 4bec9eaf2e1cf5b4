import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Log } from '../../../src/infra/telemetry/log.ts';
import { createNewerReleases } from '../../../src/infra/telemetry/newerReleases.ts';
import { NewerRelease } from '../../../src/newerRelease.ts';

const test = suite('what is left to a newer release');
const newer = new NewerRelease('an event of a newer release');

function givenNewerReleases() {
  const lines: string[] = [];
  const log = { error: ({ place }: { place: string }) => lines.push(place) } as unknown as Log;
  return { lines, newerReleases: createNewerReleases(log) };
}

test('an entry that is met at each sweep is logged once and counted once', () => {
  const { lines, newerReleases } = givenNewerReleases();

  for (let sweep = 0; sweep < 5; sweep++) newerReleases.note('entry 1-1', newer);

  assert.equal(lines, ['entry 1-1']);
  assert.is(newerReleases.count(), 1);
});

test('of 20,000 entries, a few are logged, and at most 10,000 counted', () => {
  const { lines, newerReleases } = givenNewerReleases();

  for (let entry = 0; entry < 20_000; entry++) newerReleases.note(`entry ${entry}`, newer);

  // The entries may be met before and after the end of a minute.
  assert.ok(lines.length <= 40, `${lines.length} lines`);
  assert.is(newerReleases.count(), 10_000);
});

test('another error is neither logged nor counted', () => {
  const { lines, newerReleases } = givenNewerReleases();

  newerReleases.note('entry 1-1', new Error('MySQL is away'));

  assert.equal([lines.length, newerReleases.count()], [0, 0]);
});

test.run();
