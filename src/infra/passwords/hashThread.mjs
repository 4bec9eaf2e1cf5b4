// A thread that hashes passwords, one at a time (hashThreads.ts). Plain JavaScript: a thread would have to load the compiler of
// TypeScript once more.
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';

// Linux has a priority for each thread; elsewhere this would be the priority of the whole process. With a low priority, hashes use the
// time that the event loop and the stores leave.
if (process.platform === 'linux') {
  try {
    setPriority(constants.priority.PRIORITY_LOW);
  } catch {
    // A container may forbid it. Hashes then compete with grabs.
  }
}

parentPort.on('message', ({ method, args }) => {
  try {
    parentPort.postMessage({ result: method === 'hash' ? hashSync(...args) : verifySync(...args) });
  } catch (error) {
    parentPort.postMessage({ error });
  }
});
