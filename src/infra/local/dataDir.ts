import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { weaknessOf } from '../../jwtSecrets.ts';
import { OperatorError } from '../../operatorError.ts';
import type { Closer } from '../closers.ts';

// The path of a socket may have 107 bytes; the longest name in the folder takes 16 of them.
const LONGEST_SOCKET_FOLDER = 90;

export interface DataDir {
  path: string;
  /** The folder of the private servers' sockets. The same data always has the same one, so that servers left by a crash are found. */
  socketDir: string;
}

/** The folder for the sockets of this data: the data folder itself, or a folder under /tmp when its path is too long. */
export const socketDirOf = (path: string) =>
  Buffer.byteLength(path) <= LONGEST_SOCKET_FOLDER
    ? path
    : join(tmpdir(), `seckill-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`);

/** Whether a living process has locked the folder. */
export const isInUse = (path: string) => answers(join(socketDirOf(path), 'lock.sock'));

/** What this system creates in the folder. Other files in it, and their permissions, belong to their owner. */
const OWN_FILES = ['redis', 'mariadb', 'jwt-secret'];

/** Creates the folder, readable for its owner only, and locks it for this process until closed. */
export async function openDataDir(path: string): Promise<{ dataDir: DataDir; close: Closer }> {
  const socketDir = socketDirOf(path);
  try {
    for (const folder of [path, socketDir]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      if (folder !== path) mustBeOurs(folder);
      chmodSync(folder, 0o700);
    }
    for (const name of OWN_FILES) closeToOthers(join(path, name));
  } catch (error) {
    throw new OperatorError(`DATA_DIR: cannot be used: ${(error as Error).message}`);
  }
  const lock = await takeLock(join(socketDir, 'lock.sock'), path);
  const close = async () => {
    await new Promise((done) => lock.close(done));
    if (socketDir !== path) rmSync(socketDir, { recursive: true, force: true });
  };
  return { dataDir: { path, socketDir }, close };
}

/** Every user of the machine can create a folder under /tmp, or a link there, before we do. */
function mustBeOurs(folder: string): void {
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.())
    throw new Error(`${folder} belongs to another user; remove it, or choose a shorter path`);
}

/** Takes all permissions of others from a file, or a folder and its content: earlier versions and restored backups have some. */
function closeToOthers(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.isSymbolicLink()) return;
  try {
    if ((found.mode & 0o077) !== 0) chmodSync(path, found.mode & 0o700);
    if (found.isDirectory()) for (const name of readdirSync(path)) closeToOthers(join(path, name));
  } catch (error) {
    // A server that a crash has left running removes its temporary files meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

// The lock is a listening socket: the kernel releases it however the process ends, while a file with a pid would stay.
async function takeLock(socket: string, path: string): Promise<Server> {
  for (const lastTry of [false, true]) {
    const server = createServer((client) => client.destroy());
    const taken = await new Promise<boolean>((done, fail) => {
      server.once('listening', () => {
        chmodSync(socket, 0o600);
        done(true);
      });
      server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? done(false) : fail(error)));
      server.listen(socket);
    });
    if (taken) return server;
    if (lastTry || (await answers(socket))) break;
    // The dead socket is renamed before it is removed: when two processes find the same dead socket, the second must not remove
    // the live socket that the first has created in its place.
    const dead = `${socket}.${process.pid}`;
    try {
      renameSync(socket, dead);
    } catch {
      break;
    }
    if (await answers(dead)) {
      renameSync(dead, socket);
      break;
    }
    rmSync(dead);
  }
  throw new OperatorError(`DATA_DIR: ${path} is in use by another seckill process`);
}

/** Whether a process listens on the socket. */
export function answers(socket: string): Promise<boolean> {
  return new Promise((done) => {
    const client = connect(socket);
    client.once('connect', () => done(true));
    client.once('error', () => done(false));
    client.once('close', () => client.destroy());
    client.once('connect', () => client.destroy());
  });
}

/** The value of JWT_SECRET. It is generated at the first start and stored, so that tokens stay valid after a restart. */
export function keptSecret({ path }: DataDir): string {
  const file = join(path, 'jwt-secret');
  if (!existsSync(file)) {
    // Written to another name and then renamed: an incomplete secret would sign tokens that anyone can forge.
    writeFileSync(`${file}.new`, randomBytes(48).toString('base64url'), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  const secret = readFileSync(file, 'utf8').trim();
  const weakness = weaknessOf(secret);
  if (weakness !== undefined) throw new OperatorError(`JWT_SECRET: ${file} is damaged (${weakness}); remove the file`);
  return secret;
}
