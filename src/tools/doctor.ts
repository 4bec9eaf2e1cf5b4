import Table from 'cli-table3';
import { createProgram } from '../cli.ts';
import { readConfig } from '../config.ts';
import { examineStores } from '../doctor/examineStores.ts';
import type { Finding } from '../doctor/finding.ts';
import { runTool, untilStopped } from './runTool.ts';

const program = createProgram(
  'npm run doctor --',
  'Checks the two stores before the first sale: settings, permissions, clocks and speed. Changes nothing.',
)
  .option('--json', 'print the findings as JSON')
  .parse();
const { json } = program.opts<{ json?: true }>();

await runTool({
  needs: { redis: true, tables: 'any' },
  open: async ({ mysqlUrl, redisUrl = '' }) => {
    const { workers, waitReplicas } = readConfig(process.env, { needsSecret: false });
    return { mysqlUrl, redisUrl, workers, waitReplicas, close() {} };
  },
  interrupted: 'interrupted',
  async work(stores, { signal }) {
    const findings = await untilStopped(signal, examineStores(stores));
    const isSafe = !findings.some(({ problem }) => problem?.verdict === 'unsafe');
    if (json) console.log(JSON.stringify({ safe: isSafe, findings: findings.map(plain) }, null, 2));
    else print(findings);
    return isSafe ? 0 : 1;
  },
});

function plain({ problem, ...found }: Finding) {
  return { ...found, verdict: problem?.verdict ?? 'good', ...problem };
}

function print(findings: readonly Finding[]): void {
  const table = new Table({ head: ['', 'what', 'is', ''], style: { head: [], border: [], compact: true } });
  for (const { area, name, value, problem } of findings) table.push([area, name, value, problem?.verdict ?? 'good']);
  console.log(table.toString());
  const problems = findings.filter(({ problem }) => problem !== undefined);
  for (const verdict of ['note', 'unsafe'] as const)
    for (const { area, name, problem } of problems)
      if (problem?.verdict === verdict)
        console.log(`${verdict.toUpperCase()}: ${area}, ${name}: ${problem.why}. Mend: ${problem.mend}`);
  const unsafe = problems.filter(({ problem }) => problem?.verdict === 'unsafe').length;
  console.log(unsafe === 0 ? 'ready for a sale' : `${unsafe} to be mended before a sale`);
}
