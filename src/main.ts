import cluster from 'node:cluster';
import { createProgram, runProgram, stopSignal } from './cli.ts';
import { type Config, readConfig, type ServerConfig, takeConfig } from './config.ts';
import { openAll } from './infra/closers.ts';
import { openLocalServers } from './infra/local/localServers.ts';
import { createLog, type Log } from './infra/telemetry/log.ts';
import { openAndReport, startWorkers } from './infra/workers.ts';

createProgram('npm start --', 'Installs and starts what is missing, then serves until Ctrl-C.')
  .addHelpText('after', '\nSettings come from the environment or from a file .env; .env.example lists all of them.')
  .parse();

await runProgram(async () => {
  const config = takeConfig(process.env);
  const log = createLog(config.logLevel, config.logFormat);
  if (cluster.isWorker) await runWorker(log);
  else await serve(config, log);
  process.exit(0);
});

/** Loads the modules of the server, which a primary does not need. A failure is thrown by `open`. */
function loadServer(log: Log) {
  const loading = import('./server.ts');
  loading.catch(() => {});
  return { open: async (config: ServerConfig) => (await loading).openServer(config, log), close() {} };
}

/** Opens private stores where a URL is absent, then the server or its workers. A signal closes them in reverse order. */
async function serve(given: Config, log: Log): Promise<void> {
  const stopped = stopSignal();
  const { url, close } = await openAll(async (remember) => {
    // Modules are loaded while the private stores start.
    const server = given.workers === 1 ? loadServer(log) : startWorkers(given.workers, log);
    const stores = await openLocalServers(given, (line) => console.log(line)).catch(async (error) => {
      await server.close();
      throw error;
    });
    remember(stores.close);
    const opened = await server.open(stores.config);
    remember(opened.close);
    return { url: opened.url };
  });
  console.log(`listening on ${url}`);
  await stopped;
  await close();
}

async function runWorker(log: Log): Promise<void> {
  const stopped = stopSignal();
  const { openServer } = await import('./server.ts');
  const { close } = await openAndReport(({ settings, mysqlOwnerUrl }) =>
    openServer({ ...readConfig({ ...process.env, ...settings }), mysqlOwnerUrl } as ServerConfig, log),
  );
  await stopped;
  await close();
}
