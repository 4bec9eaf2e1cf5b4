import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const test = suite('the log on a terminal');

test('a request is one line, and so is a failure', () => {
  const command = `"${process.execPath}" bin/run.mjs test/support/logOnTerminal.ts`;
  const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  assert.is(lines.length, 2, stdout);
  assert.match(lines[0] ?? '', /request.*PATCH.*201.*grabbed/);
  assert.match(lines[1] ?? '', /relay sweep failed; retrying.*1-1/);
});

test.run();
