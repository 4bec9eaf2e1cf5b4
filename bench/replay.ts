import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { stopSignal } from '../src/cli.ts';
import { readConfig } from '../src/config.ts';
import { openAll } from '../src/infra/closers.ts';
import { openLocalServers } from '../src/infra/localServers.ts';
import { connectOnce, openMysql } from '../src/infra/mysql.ts';
import { projections } from '../src/projections/projections.ts';
import { lastPosition, readLog, runOn } from '../src/projections/readLog.ts';
import { openReplaySession, replayAndCompare, replayAndSwap } from '../src/projections/replay.ts';
import { type History, writeHistory } from './history.ts';

interface Measured {
  seconds: number;
  /** Of this process and of MariaDB: on a machine that others use as well, it says more than the clock. */
  cpu: { here: number; mysql: number };
  /** The most memory that this process had, in MiB. */
  mib: number;
}

async function measure(work: () => Promise<unknown>, mysqlCpu: () => number): Promise<Measured> {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, process.memoryUsage.rss());
  };
  const cpuHere = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  const timer = setInterval(look, 20);
  const [started, here, mysql] = [performance.now(), cpuHere(), mysqlCpu()];
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  look();
  return {
    seconds: (performance.now() - started) / 1_000,
    cpu: { here: cpuHere() - here, mysql: mysqlCpu() - mysql },
    mib: Math.round(peak / 1_048_576),
  };
}

/** CPU seconds of a process so far, as Linux counts them in hundredths; 0 elsewhere. */
function cpuOf(pidFile: string): number {
  try {
    const fields = readFileSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}/stat`, 'utf8')
      .split(') ')[1]
      ?.split(' ');
    return (Number(fields?.[11]) + Number(fields?.[12])) / 100;
  } catch {
    return 0;
  }
}

const openStores = () =>
  openAll(async (remember) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'seckill-bench-'));
    remember(() => rmSync(dataDir, { recursive: true, force: true }));
    const local = await openLocalServers(readConfig({ DATA_DIR: dataDir }), (line) => console.log(line));
    remember(local.close);
    const { mysql, close } = await openMysql(local.config.mysqlUrl);
    remember(close);
    const { connection, close: closeConnection } = await connectOnce(local.config.mysqlUrl);
    remember(closeConnection);
    const mysqlCpu = () => cpuOf(join(dataDir, 'mariadb', 'mariadb.pid'));
    return { config: local.config, mysql, run: runOn(connection), mysqlCpu };
  });

export async function benchReplay(history: History): Promise<void> {
  const stopped = stopSignal();
  const stop = new AbortController();
  void stopped.then(() => stop.abort());
  const { config, mysql, run, mysqlCpu, close } = await openStores();
  try {
    console.log(`writing ${history.grabs} grabs of ${history.coupons} coupons into a fresh log`);
    await writeHistory(run, history);
    const events = history.grabs + history.coupons;
    const rows: [string, Measured][] = [];
    const step = async (name: string, work: () => Promise<unknown>) => {
      stop.signal.throwIfAborted();
      rows.push([name, await measure(work, mysqlCpu)]);
      console.log(name, rows.at(-1)?.[1]);
    };
    const quiet = { projections, signal: stop.signal, onProgress: () => {} };

    await step('ceiling: SELECT of the log', async () => {
      for await (const page of readLog(run, 0, await lastPosition(run), 10_000)) void page.length;
    });
    await step('replay', async () => {
      const { session, close: closeSession } = await openReplaySession(config.mysqlUrl);
      try {
        await replayAndSwap(session, quiet);
      } finally {
        await closeSession();
      }
    });
    await step('replay --verify', async () => {
      const { session, close: closeSession } = await openReplaySession(config.mysqlUrl);
      try {
        await replayAndCompare(session, quiet, (difference) => {
          throw new Error(difference.text);
        });
      } finally {
        await closeSession();
      }
    });
    const table = new Table({
      head: ['', 'seconds', 'events a second', 'CPU s here', 'CPU s MariaDB', 'peak MiB'],
      style: { head: [], border: [], compact: true },
      colAligns: ['left', ...Array.from({ length: 5 }, () => 'right' as const)],
    });
    for (const [name, { seconds, cpu, mib }] of rows) {
      table.push([
        name,
        seconds.toFixed(1),
        Math.round(events / seconds),
        cpu.here.toFixed(1),
        cpu.mysql.toFixed(1),
        mib,
      ]);
    }
    console.log(table.toString());
    void mysql;
  } finally {
    await close();
  }
}
