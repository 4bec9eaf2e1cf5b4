import { createProgram } from '../cli.ts';
import { eraseAccount } from '../commands/users/eraseAccount.ts';
import { readConfig } from '../config.ts';
import { openAll } from '../infra/closers.ts';
import { createGate } from '../infra/gate.ts';
import { openPasswords } from '../infra/passwords/passwords.ts';
import { openRevocations } from '../infra/revocations/revocations.ts';
import { reachMysql } from '../infra/stores/openMysql.ts';
import { openRedis } from '../infra/stores/redis.ts';
import { createLog } from '../infra/telemetry/log.ts';
import { OperatorError } from '../operatorError.ts';
import { deleteEndpointsOf } from '../webhooks/endpoints.ts';
import { runTool, untilStopped } from './runTool.ts';

let name: string | undefined;
const program = createProgram('npm run accounts --', 'Ends local accounts.');
program
  .command('erase <name>')
  .description(
    'make log-in impossible for ever, revoke all tokens, delete webhooks, and keep the name from being registered again',
  )
  .action((given: string) => {
    name = given;
  });
program.parse();

const username = name;
if (username === undefined) program.error('name a command: erase');
else {
  // Revoked tokens are kept for the lifetime that the servers give to tokens.
  const { tokenTtlSeconds, argon2 } = readConfig(process.env, { needsSecret: false });
  await runTool({
    needs: { redis: true, tables: 'present' },
    open: ({ mysqlUrl, redisUrl = '' }) =>
      openAll(async (remember) => {
        const log = createLog('silent');
        const { mysql, close: closeMysql } = await reachMysql(mysqlUrl, 1);
        remember(closeMysql);
        const { masters, redis, close: closeRedis } = await openRedis(redisUrl, log);
        remember(closeRedis);
        const gate = createGate(log);
        const { revocations, close } = await openRevocations({
          ...{ tokenTtlSeconds, redis, mysql, log },
          connect: masters.connectAnywhere,
          servers: () => masters.all().map((master) => ({ redis: master.redis, gate })),
        });
        remember(close);
        const { passwords, close: closePasswords } = await openPasswords(argon2);
        remember(closePasswords);
        return { mysql, redis, revocations, passwords };
      }),
    interrupted: 'interrupted: run the command again',
    async work(opened, { signal }) {
      const result = await untilStopped(signal, eraseAccount(opened, username));
      // Otherwise events with names of customers would go on to the systems of a seller who cannot log in to stop them.
      if (result === 'erased') await untilStopped(signal, deleteEndpointsOf(opened.mysql, username));
      if (result === 'no-such-account') throw new OperatorError(`there is no account "${username}"`);
      console.log(`${username}: log-in is impossible from now on, all tokens are revoked, and the name stays taken`);
      return 0;
    },
  });
}
