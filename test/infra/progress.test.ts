import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// The progress of a long-running command. The program `script` runs the command on a terminal.

const test = suite('progress');
const node = process.execPath;
const file = 'test/support/longWork.ts';
const onTerminal = (args = '') =>
  spawn('script', ['-qec', `"${node}" bin/run.mjs ${file} ${args}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
const ESC = String.fromCharCode(27);
/** The output, split at each redraw of the bar. */
const framesOf = (output: string) => output.split(new RegExp(`${ESC}\\[\\d+G`));
/** The last sequence that switched the wrapping of lines on or off. */
const lastWrap = (output: string) => output.match(new RegExp(`${ESC}\\[\\?7[hl]`, 'g'))?.at(-1);

async function outputOf(child: ReturnType<typeof onTerminal>): Promise<string> {
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  await once(child, 'close');
  return output;
}

test('on a terminal, a bar shows the progress, and other output has lines of its own', async () => {
  const output = await outputOf(onTerminal());

  assert.match(output, /working [=-]+ 40%, 2\/5, step 2/);
  assert.match(output, /working [=-]+ 100%/);
  for (const line of ['something to say', 'the end'])
    assert.ok(
      framesOf(output).some((frame) =>
        frame.replaceAll(new RegExp(`${ESC}\\[[?0-9]*[a-zA-Z]|${ESC}[78]`, 'g'), '').startsWith(line),
      ),
      `${line} is torn: ${JSON.stringify(output)}`,
    );
  assert.not.match(output, /\{\w+\}/);
});

test('Ctrl-C restores the terminal, and the message after it has a line of its own', async () => {
  const child = onTerminal('for ever');

  child.stdout.once('data', () => setTimeout(() => child.stdin.write('\x03'), 500));
  const output = await outputOf(child);

  assert.match(output, /working [=-]+ /);
  assert.is(lastWrap(output), `${ESC}[?7h`);
  assert.not.ok(output.includes(`${ESC}[?25l`) && !output.includes(`${ESC}[?25h`));
  assert.match(output.split('interrupted')[0] ?? '', new RegExp(`${ESC}\\[2K$`));
  assert.not.match(output.split('interrupted')[1] ?? '', /working/);
});

test('without a terminal, progress is plain lines on standard error, and standard output has only results', () => {
  const { stdout, stderr, status } = spawnSync(node, ['bin/run.mjs', file], { encoding: 'utf8' });

  assert.is(status, 0);
  assert.is(stdout, 'something to say\nthe end\n');
  assert.is(stderr.includes(ESC), false);
  assert.match(stderr, /^working: 0 %, 0\/5, step 0, time left unknown\n/);
  assert.match(stderr, /^working: 100 %, 5\/5, step 5, 0 s left$/m);
});

test.run();
