import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { createProgram, runProgram } from '../src/cli.ts';
import { OperatorError } from '../src/operatorError.ts';
import { readAudit } from './support/audit.ts';

// `npm run audit`: asks the registry for known vulnerabilities of every package in package-lock.json. Exit status 0: none is high or
// critical. 1: at least one is. 75: the registry does not answer such requests (a mirror, no network), so nothing is known.

const UNKNOWN = 75;
const root = fileURLToPath(new URL('..', import.meta.url));
createProgram('npm run audit --', 'Fails on packages with a known high or critical vulnerability.').parse();

await runProgram(async () => {
  const options = ['--json', '--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-timeout=30000'];
  const npm = spawn('npm', ['audit', ...options], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] });
  const [output] = await Promise.all([text(npm.stdout), once(npm, 'close')]);
  const audit = readAudit(output);
  switch (audit.kind) {
    case 'clean':
      console.log(`no high or critical vulnerability in ${audit.packages} packages (${audit.lesser} lesser ones)`);
      return;
    case 'vulnerable':
      throw new OperatorError(audit.findings.join('\n'));
    case 'unanswered':
      console.log(`skipped: the registry does not answer audit requests (${audit.reason})`);
      process.exit(UNKNOWN);
      break;
    default:
      return audit satisfies never;
  }
});
