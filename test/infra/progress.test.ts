import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

// How long work shows itself. `script` gives a terminal to what it runs.

const test = suite('progress');
const node = process.execPath;
const file = 'test/support/longWork.ts';
const onTerminal = (args = '') =>
  spawn('script', ['-qec', `"${node}" bin/run.mjs ${file} ${args}`, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
/** Redraws apart, as somebody sees them one after the other. */
const ESC = String.fromCharCode(27);
const framesOf = (output: string) => output.split(new RegExp(`${ESC}\\[\\d+G`));
const lastWrap = (output: string) => output.match(new RegExp(`${ESC}\\[\\?7[hl]`, 'g'))?.at(-1);

async function outputOf(child: ReturnType<typeof onTerminal>): Promise<string> {
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  await once(child, 'close');
  return output;
}

test('on a terminal a bar moves, is gone at the end, and other lines stand by themselves', async () => {
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

test('Ctrl-C leaves the terminal as it was, and what is said then stands by itself', async () => {
  const child = onTerminal('for ever');
  child.stdout.once('data', () => setTimeout(() => child.stdin.write('\x03'), 500));
  const output = await outputOf(child);
  assert.match(output, /working [=-]+ /);
  assert.is(lastWrap(output), `${ESC}[?7h`);
  assert.not.ok(output.includes(`${ESC}[?25l`) && !output.includes(`${ESC}[?25h`));
  assert.match(output.split('interrupted')[0] ?? '', new RegExp(`${ESC}\\[2K$`));
  assert.not.match(output.split('interrupted')[1] ?? '', /working/);
});

test('elsewhere there are plain lines on standard error, and results alone on standard output', () => {
  const { stdout, stderr, status } = spawnSync(node, ['bin/run.mjs', file], { encoding: 'utf8' });
  assert.is(status, 0);
  assert.is(stdout, 'something to say\nthe end\n');
  assert.is(stderr.includes(ESC), false);
  assert.match(stderr, /^working: 0 %, 0\/5, step 0, time left unknown\n/);
  assert.match(stderr, /^working: 100 %, 5\/5, step 5, 0 s left$/m);
});

test.run();
