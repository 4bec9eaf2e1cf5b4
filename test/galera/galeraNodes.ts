import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { openAll } from '../../src/infra/closers.ts';
import { createMariadbData } from '../../src/infra/local/mariadbData.ts';
import { createDataDir } from '../support/dataDirs.ts';
import { freePort } from '../support/freePort.ts';
import { until } from '../support/until.ts';

// Three real MariaDB servers, which replicate by Galera over free ports of 127.0.0.1. Each begins with a copy of the same data, so that a
// node that joins needs the missing transactions alone: the script of a state transfer only names the position of the data.

export const GALERA_LIBRARY = '/usr/lib/galera/libgalera_smm.so';
export const PASSWORD = 'a password';

/** Faster than the defaults, which take 5 s to give up a silent node and 15 s to go on without it. */
const TIMES =
  'evs.keepalive_period=PT0.3S;evs.inactive_check_period=PT0.3S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;pc.recovery=false';

const TRANSFER = `#!/bin/sh
role=''
gtid=''
while [ $# -gt 0 ]; do
  case "$1" in --role) role=$2 ;; --gtid) gtid=$2 ;; esac
  shift
done
if [ "$role" = joiner ]; then
  echo 'ready 127.0.0.1:9/kept'
  sleep 0.2
  echo "$KEPT_POSITION"
else
  echo "done $gtid"
fi
`;

export interface GaleraNode {
  port: number;
  /** Runs statements as root, one after the other, and resolves to the rows of the last one. */
  run(...statements: string[]): Promise<Record<string, unknown>[]>;
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /** Leaves the node without a majority until `join`: it answers, and refuses every table with 1047. */
  isolate(): Promise<void>;
  join(): Promise<void>;
  /** Starts a node again that was killed, on its own data. It gets what it lacks from the other nodes. */
  restart(): Promise<void>;
  /** What an operator does at the last node that is left: it is a cluster of its own, to which the others come back. */
  bootstrap(): Promise<void>;
}

/** `url` names the three nodes in their order, and an empty database. */
export const openGaleraNodes = (folder = createDataDir()) =>
  openAll(async (remember) => {
    const scripts = join(folder, 'scripts');
    mkdirSync(scripts);
    writeFileSync(join(scripts, 'wsrep_sst_kept'), TRANSFER);
    chmodSync(join(scripts, 'wsrep_sst_kept'), 0o700);
    const ports: Ports[] = [];
    for (let i = 0; i < 3; i++)
      ports.push({ sql: await freePort(), group: await freePort(), transfer: await freePort() });
    const group = `gcomm://${ports.map((port) => `127.0.0.1:${port.group}`).join(',')}`;
    const data = (index: number) => join(folder, `data${index}`);
    await createMariadbData(data(0), temporaryOf(data(0)));

    const start = async (index: number, isFirst: boolean, more: readonly string[] = []) => {
      const socket = join(folder, `${index}.sock`);
      const port = ports[index] ?? { sql: 0, group: 0, transfer: 0 };
      const logFile = join(folder, `${index}.log`);
      const out = openSync(logFile, 'a');
      const args = [...argumentsOf({ data: data(index), socket, port, group, isFirst }), ...more];
      const child = spawn('mariadbd', args, {
        env: { ...process.env, PATH: `${scripts}:${process.env.PATH}`, KEPT_POSITION: positionOf(data(index)) },
        stdio: ['ignore', out, out],
      });
      await ready(socket, child, logFile);
      return { child, socket, port: port.sql };
    };
    /** A node that was killed reads its position from its tables, as its start by systemd does. */
    const startAgain = async (index: number) => {
      const socket = join(folder, `${index}.sock`);
      const port = ports[index] ?? { sql: 0, group: 0, transfer: 0 };
      const args = argumentsOf({ data: data(index), socket, port, group, isFirst: false });
      const { stderr } = await promisify(execFile)('mariadbd', [...args, '--wsrep-recover']);
      const [, position] = /Recovered position: *(\S+)/.exec(stderr) ?? [];
      if (position === undefined) throw new Error(`no position in the data of a node: ${stderr}`);
      return (await start(index, false, [`--wsrep-start-position=${position}`])).child;
    };

    const template = await start(0, true);
    await runOn(template.socket, [
      `CREATE USER app@'127.0.0.1' IDENTIFIED BY '${PASSWORD}'`,
      "GRANT ALL ON *.* TO app@'127.0.0.1'",
      'CREATE DATABASE seckill',
    ]);
    template.child.kill('SIGTERM');
    await once(template.child, 'close');
    for (const index of [1, 2]) {
      cpSync(data(0), data(index), { recursive: true });
      mkdirSync(temporaryOf(data(index)));
    }

    const nodes: GaleraNode[] = [];
    for (const index of [0, 1, 2]) {
      const { child, socket, port } = await start(index, index === 0);
      const { node, close } = nodeOf(child, socket, port, () => startAgain(index));
      remember(close);
      nodes.push(node);
    }
    const [one, two, three] = nodes as [GaleraNode, GaleraNode, GaleraNode];
    const urlOf = (...chosen: GaleraNode[]) =>
      `mysql://app:${encodeURIComponent(PASSWORD)}@${chosen.map(({ port }) => `127.0.0.1:${port}`).join(',')}/seckill`;
    return { one, two, three, url: urlOf(one, two, three), urlOf };
  });

interface Ports {
  sql: number;
  group: number;
  transfer: number;
}

const temporaryOf = (data: string) => `${data}-tmp`;

function argumentsOf(given: { data: string; socket: string; port: Ports; group: string; isFirst: boolean }): string[] {
  const { data, socket, port, group, isFirst } = given;
  const settings = {
    user: userInfo().username,
    datadir: data,
    tmpdir: temporaryOf(data),
    socket,
    'pid-file': `${socket}.pid`,
    'bind-address': '127.0.0.1',
    port: port.sql,
    'binlog-format': 'ROW',
    'innodb-autoinc-lock-mode': 2,
    'innodb-flush-log-at-trx-commit': 0,
    'innodb-buffer-pool-size': 33_554_432,
    'wsrep-on': 'ON',
    'wsrep-provider': GALERA_LIBRARY,
    'wsrep-cluster-name': 'seckill',
    'wsrep-cluster-address': group,
    'wsrep-node-address': '127.0.0.1',
    'wsrep-sst-method': 'kept',
    'wsrep-provider-options': `base_port=${port.group};gmcast.listen_addr=tcp://127.0.0.1:${port.group};ist.recv_addr=127.0.0.1:${port.transfer};gcache.size=32M;${TIMES}`,
  };
  const all = Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
  return ['--no-defaults', ...all, ...(isFirst ? ['--wsrep-new-cluster'] : [])];
}

/** The position that a clean stop has left; an empty string for data that no cluster has used. */
function positionOf(data: string): string {
  try {
    const state = readFileSync(join(data, 'grastate.dat'), 'utf8');
    return `${/^uuid: +(\S+)/m.exec(state)?.[1]}:${/^seqno: +(\S+)/m.exec(state)?.[1]}`;
  } catch {
    return '';
  }
}

async function runOn(socketPath: string, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const connection = await createConnection({ socketPath, user: 'root', database: '' });
  try {
    let rows: unknown = [];
    for (const statement of statements) [rows] = await connection.query(statement);
    return rows as Record<string, unknown>[];
  } finally {
    connection.destroy();
  }
}

/** On a machine where three such groups start at once, a node needs seconds to join. */
const READY_LIMIT_MS = 90_000;

async function ready(socket: string, child: ChildProcess, logFile: string): Promise<void> {
  for (const limit = Date.now() + READY_LIMIT_MS; Date.now() < limit && child.exitCode === null; await sleep(100)) {
    const rows = await runOn(socket, ["SHOW STATUS LIKE 'wsrep_ready'"]).catch(() => []);
    if (rows[0]?.Value === 'ON') return;
  }
  child.kill('SIGKILL');
  const lastLines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-40).join('\n');
  throw new Error(`a node of Galera did not get ready (exit ${child.exitCode}); the end of its log:\n${lastLines}`);
}

function nodeOf(first: ChildProcess, socket: string, port: number, startAgain: () => Promise<ChildProcess>) {
  let child = first;
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  };
  const run = (...statements: string[]) => runOn(socket, statements);
  const isolated = (yes: 0 | 1) => run(`SET GLOBAL wsrep_provider_options = 'gmcast.isolate=${yes}'`);
  const statusIs = (name: string, value: string) =>
    until(`${name} is ${value}`, async () => (await run(`SHOW STATUS LIKE '${name}'`))[0]?.Value === value);
  const node: GaleraNode = {
    port,
    run,
    async signal(signal) {
      if (signal === 'SIGKILL') await kill();
      else child.kill(signal);
    },
    async isolate() {
      await isolated(1);
      await statusIs('wsrep_ready', 'OFF');
    },
    async join() {
      await isolated(0);
      // A node that was frozen takes itself for a member for some moments more.
      await sleep(3_000);
      await statusIs('wsrep_cluster_size', '3');
      await statusIs('wsrep_local_state_comment', 'Synced');
      await statusIs('wsrep_ready', 'ON');
    },
    async restart() {
      child = await startAgain();
      await statusIs('wsrep_local_state_comment', 'Synced');
    },
    async bootstrap() {
      await statusIs('wsrep_ready', 'OFF');
      await run("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'");
      await statusIs('wsrep_ready', 'ON');
    },
  };
  return { node, close: kill };
}
