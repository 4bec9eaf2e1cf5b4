import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createDataDir } from './support/dataDirs.ts';
import { endPrograms, startProgram } from './support/program.ts';

const test = suite('the start of a program');
const cli = new URL('../src/cli.ts', import.meta.url);

test('a signal that arrives while the modules load reaches the handler of that time, not the program', async () => {
  const folder = createDataDir();
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(
    join(folder, 'program.ts'),
    `import { runProgram, stopSignal } from '${cli}';
    process.once('SIGTERM', () => process.exit(process.listenerCount('SIGTERM') > 0 ? 1 : 143));
    process.kill(process.pid, 'SIGTERM');
    await runProgram(() => stopSignal());`,
  );
  const { status, stderr } = await startProgram(join(folder, 'program.ts'), {}).ended;
  assert.is(status, 143, stderr);
});

test.after(endPrograms);
test.run();
