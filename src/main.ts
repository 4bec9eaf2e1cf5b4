import cluster from 'node:cluster';
import { createProgram, runProgram, stopSignal } from './cli.ts';
import { type Config, readConfig, type ServerConfig } from './config.ts';
import { openAll } from './infra/closers.ts';
import { openLocalServers } from './infra/local/localServers.ts';
import { createLog, type Log } from './infra/telemetry/log.ts';
import { openAndReport, openWorkers } from './infra/workers.ts';

createProgram('npm start --', 'Installs and starts what is missing, then serves until Ctrl-C.')
  .addHelpText('after', '\nSettings come from the environment or from a file .env; .env.example lists all of them.')
  .parse();

await runProgram(async () => {
  const config = readConfig(process.env);
  const log = createLog(config.logLevel, config.logFormat);
  if (cluster.isWorker) await runWorker(config as ServerConfig, log);
  else await serve(config, log);
  process.exit(0);
});

/** The server's modules are loaded while the private stores start, and never in a primary, which only runs workers. */
function loadServer() {
  return import('./server.ts');
}

/** Opens private stores where a URL is absent, then the server or its workers. A signal closes them in reverse order. */
async function serve(given: Config, log: Log): Promise<void> {
  const stopped = stopSignal();
  const loading = given.workers === 1 ? loadServer() : undefined;
  // A failure is thrown below, when the private stores can be closed.
  loading?.catch(() => {});
  const { url, close } = await openAll(async (remember) => {
    const { config, close: closeLocal } = await openLocalServers(given, (line) => console.log(line));
    remember(closeLocal);
    const open = (await loading)?.openServer ?? openWorkers;
    const server = await open(config, log);
    remember(server.close);
    return { url: server.url };
  });
  console.log(`listening on ${url}`);
  await stopped;
  await close();
}

async function runWorker(config: ServerConfig, log: Log): Promise<void> {
  const stopped = stopSignal();
  const { close } = await openAndReport(async () => (await loadServer()).openServer(config, log));
  await stopped;
  await close();
}
