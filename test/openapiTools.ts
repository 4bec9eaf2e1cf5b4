import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createProgram, runProgram } from '../src/cli.ts';
import { createDocument } from '../src/http/openapi/document.ts';
import { OperatorError } from '../src/operatorError.ts';

// `npm run test:openapi-tools`: the document goes through validators and code generators that clients use, and the generated
// TypeScript is compiled. The tools are installed under .cache. The last line is `N passed, N failed`.

const LIMIT_MS = 60_000;
/** The newest versions that run on Node 20. */
const tools = {
  '@apidevtools/swagger-parser': '10.1.1',
  '@hey-api/openapi-ts': '0.80.1',
  '@stoplight/spectral-cli': '6.16.3',
  'openapi-typescript': '7.13.0',
  orval: '7.13.2',
  typescript: '5.9.3',
};
const folder = fileURLToPath(new URL('../.cache/openapi-tools', import.meta.url));
const validate = "import('@apidevtools/swagger-parser').then(({ default: parser }) => parser.validate('openapi.json'))";

const tsc = [
  'tsc',
  '--noEmit',
  '--strict',
  '--target',
  'es2022',
  '--module',
  'esnext',
  '--moduleResolution',
  'bundler',
];
const compiled = (...files: string[]) => [
  ...tsc,
  '--lib',
  'es2022,dom,dom.iterable',
  ...files.map((file) => `out/${file}`),
];

/** The commands of each check, run one after the other. */
const checks: Record<string, string[][]> = {
  'Spectral: no warning': [['spectral', 'lint', 'openapi.json', '-r', 'ruleset.json', '--fail-severity', 'warn']],
  'swagger-parser: valid': [['node', '-e', validate]],
  'openapi-typescript: compiles': [
    ['openapi-typescript', 'openapi.json', '-o', 'out/openapi-typescript.d.ts'],
    compiled('openapi-typescript.d.ts'),
  ],
  'orval: compiles': [
    ['orval', '--input', 'openapi.json', '--output', 'out/orval.ts', '--client', 'fetch'],
    compiled('orval.ts'),
  ],
  'hey-api: compiles': [['openapi-ts', '-i', 'openapi.json', '-o', 'out/hey-api'], compiled('hey-api/index.ts')],
};

createProgram(
  'npm run test:openapi-tools --',
  'Runs the OpenAPI document through validators and code generators.',
).parse();

await runProgram(async () => {
  await installTools();
  rmSync(join(folder, 'out'), { recursive: true, force: true });
  mkdirSync(join(folder, 'out'));
  writeFileSync(join(folder, 'ruleset.json'), JSON.stringify({ extends: ['spectral:oas'] }));
  writeFileSync(join(folder, 'openapi.json'), JSON.stringify(createDocument(), null, 2));
  let failed = 0;
  for (const [name, commands] of Object.entries(checks)) {
    const failure = await firstFailure(commands);
    console.log(`${failure === undefined ? 'ok  ' : 'FAIL'} ${name}`);
    if (failure === undefined) continue;
    failed++;
    console.log(failure);
  }
  console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
});

async function installTools(): Promise<void> {
  // Written after a complete installation, so an interrupted one is repeated.
  const installed = join(folder, 'installed.json');
  const wanted = JSON.stringify(tools);
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return;
  console.log('installing the OpenAPI tools under .cache (npm install)');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: tools }));
  const { status, output } = await run(['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'], 5 * LIMIT_MS);
  if (status !== 0) throw new OperatorError(`npm install of the OpenAPI tools failed: ${output.trim().split('\n')[0]}`);
  writeFileSync(installed, wanted);
}

/** The output of the first command that fails; undefined when all succeed. */
async function firstFailure(commands: string[][]): Promise<string | undefined> {
  for (const command of commands) {
    const { status, output } = await run(command, LIMIT_MS);
    if (status !== 0) return output;
  }
  return undefined;
}

/** Runs in the folder of the tools. A command over its time limit is killed and has no status. */
async function run(
  [command = '', ...args]: string[],
  timeout: number,
): Promise<{ status: number | null; output: string }> {
  const path = `${join(folder, 'node_modules/.bin')}:${process.env.PATH}`;
  const child = spawn(command, args, {
    cwd: folder,
    env: { ...process.env, PATH: path },
    timeout,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output };
}
