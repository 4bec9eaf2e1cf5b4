import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { costsFile } from '../../bench/capacity/costs.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { endPrograms, startProgram } from '../support/program.ts';

const test = suite('npm run capacity');

const run = (args: string[]) => startProgram('bench/runCapacity.ts', {}, args).ended;
const sale = ['--grabs', '10000', '--looks', '100000', '--customers', '1000000'];
const folder = createDataDir();
const file = (name: string, text: string) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const { redis, ...withoutRedis } = JSON.parse(readFileSync(costsFile, 'utf8'));

const wrong: [args: string[], line: RegExp][] = [
  [[], /^--grabs is missing$/],
  [['--grabs', '1'], /^--customers is missing$/],
  [[...sale, '--grabs', 'many'], /^--grabs: expected a whole number from 0 to \d+, got "many"$/],
  [[...sale, '--grabs', '-1'], /^(--grabs: expected|error: ).*-1/],
  [[...sale, '--grabs', '1e3'], /^--grabs: expected .* got "1e3"$/],
  [[...sale, '--looks', '1.5'], /^--looks: expected .* got "1\.5"$/],
  [[...sale, '--customers', '9999999999999'], /^--customers: expected .* got "9999999999999"$/],
  [[...sale, '--late', ''], /^--late: expected .* got ""$/],
  [[...sale, '--hottest', '101'], /^--hottest: expected a percentage above 0, at most 100, got "101"$/],
  [[...sale, '--busy', '0'], /^--busy: expected a percentage/],
  [[...sale, '--cores', '0'], /^--cores: expected a whole number from 1 to 1024, got "0"$/],
  [[...sale, '--unknown'], /unknown option '--unknown'/],
  [['nosuch'], /^there is no "nosuch": measure, simulate and tables are commands$/],
  [[...sale, '--costs', join(folder, 'nosuch.json')], /^--costs: .*nosuch\.json cannot be read: ENOENT$/],
  [[...sale, '--costs', file('text.json', 'costs')], /^--costs: .*text\.json is not JSON$/],
  [[...sale, '--costs', file('part.json', JSON.stringify(withoutRedis))], /part\.json is no file of costs: redis: /],
  [['measure'], /required option '--out <file>' not specified/],
  [['measure', '--out', join(folder, 'x.json'), '--seconds', '0'], /^--seconds: expected seconds above 0/],
  [['measure', '--out', join(folder, 'x.json'), '--rounds', '0'], /^--rounds: expected a whole number from 1/],
  [['simulate', '--processes', '0'], /^--processes: expected a whole number from 1/],
  [['simulate', '--masters', '17'], /^--masters: expected a whole number from 1 to 16, got "17"$/],
  [['simulate', '--seconds', '61'], /^--seconds: expected seconds above 0, at most 60, got "61"$/],
  [['tables', '--costs', join(folder, 'nosuch.json')], /cannot be read: ENOENT$/],
];

for (const [args, line] of wrong)
  test(`${args.map((arg) => arg.replace(folder, '')).join(' ') || 'no option'} is wrong usage, in one line`, async () => {
    const { status, stdout, stderr } = await run(args);
    assert.equal([status, stdout], [2, ''], stderr);
    assert.match(stderr.trim(), line);
    assert.is(stderr.trim().split('\n').length, 1);
  });

test('a sale gets a table of what it needs, and the machine of the measurement', async () => {
  const { status, stdout, stderr } = await run(sale);

  assert.is(status, 0, stderr);
  for (const part of [
    'app processes',
    'cores of Redis',
    'cores of MySQL',
    'network to the customers',
    'Costs measured on',
  ])
    assert.match(stdout, new RegExp(part));
});

test('--json has the demand and the size', async () => {
  const { stdout } = await run([...sale, '--json']);

  const { demand, size } = JSON.parse(stdout);
  assert.equal(demand, { grabs: 10_000, looks: 100_000, late: 0, customers: 1_000_000, hottest: 1 });
  assert.ok(size.app.processes >= 1 && size.redis.memoryBytes > 0);
});

test('simulate prints the same figures for the same seed', async () => {
  const args = ['simulate', '--processes', '2', '--grabs', '2000', '--seconds', '0.2', '--seed', '3'];

  const [first, second] = await Promise.all([run(args), run(args)]);

  assert.is(first.status, 0, first.stderr);
  assert.is(first.stdout, second.stdout);
  assert.ok(JSON.parse(first.stdout).counts.sent > 0);
});

test.after(endPrograms);
test.run();
