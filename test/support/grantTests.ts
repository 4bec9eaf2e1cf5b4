import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { createUser, type DocumentedUser, documentedGrants, eachMissing, type Grant } from './documentedGrants.ts';
import { startProgram } from './program.ts';

interface Server {
  url: string;
  run(...statements: string[]): Promise<void>;
  /** The stores of a tool; MYSQL_URL is that of its user. */
  environment: NodeJS.ProcessEnv;
}

/** MySQL needs these for a lock and for foreign keys, which MariaDB gives without them. */
export const isForMysql = ({ privilege, table }: Grant) =>
  privilege === 'REFERENCES' || (privilege === 'UPDATE' && table === 'projection_pause');

/** Tests that the documented grants of a user suffice for its tools, and that none of them is superfluous. */
export const grantTests =
  (test: Test, { url, run, environment }: Server) =>
  (user: DocumentedUser, work: (() => [tool: string, ...args: string[]])[]): void => {
    const MYSQL_URL = url.replace('root@', 'tool@');
    const runTool = ([tool, ...args]: [string, ...string[]]) =>
      startProgram(`src/tools/${tool}.ts`, { ...environment, MYSQL_URL }, args).ended;
    const documented = documentedGrants(user);

    test(`the documented grants of ${user} suffice for its tools`, async () => {
      await run(...createUser('tool', 'seckill', documented));
      for (const args of work) {
        const { status, stderr } = await runTool(args());
        assert.is(status, 0, `${args()}: ${stderr}`);
      }
    });

    for (const { missing, others } of eachMissing(documented)) {
      const { privilege, table } = missing;
      if (isForMysql(missing)) continue;
      test(`given ${user} without ${privilege} ON ${table}, then one of its tools fails with one line: no grant is superfluous`, async () => {
        await run(...createUser('tool', 'seckill', others));
        let failure: string | undefined;
        for (const args of work) {
          const { status, stderr } = await runTool(args());
          if (status !== 0) failure = stderr.trimEnd().split('\n').at(-1);
          if (status !== 0) break;
        }
        assert.match(failure ?? 'no tool failed', /^MYSQL_URL: .*denied/);
      });
    }
  };
