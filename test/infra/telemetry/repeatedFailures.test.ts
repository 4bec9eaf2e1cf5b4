import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { suppressRepeats } from '../../../src/infra/telemetry/repeatedFailures.ts';

const test = suite('repeated failures');

test('given a failure that was left out, when it comes after the silence, then the line has the number of repeats', async () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { hooks: { logMethod: suppressRepeats(2_000) } },
    { write: (line: string) => void lines.push(JSON.parse(line)) },
  );
  for (let i = 0; i < 5; i++) log.warn({ err: new Error('lost') }, 'failed');
  await sleep(2_050);
  log.warn({ err: new Error('lost') }, 'failed');
  assert.equal(
    lines.map(({ repeated }) => repeated),
    [undefined, 4],
  );
});

test.run();
