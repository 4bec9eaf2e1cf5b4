import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// Runs the test files of its arguments one after the other in this process, so that the packages and the sources are loaded once:
// loading takes longer than the tests of a short file. After each file a line says how it ended (runTests.ts reads it). uvu leaves the
// start to this program, because by itself it would run the tests of all files together, and a failed file could not be told.

declare global {
  var UVU_DEFER: number;
  var UVU_QUEUE: unknown[][];
}
globalThis.UVU_DEFER = 1;
const { exec } = (await import('uvu')) as unknown as { exec(): Promise<void> };

for (const file of process.argv.splice(2)) {
  const path = resolve(file);
  const started = performance.now();
  process.argv[1] = path;
  process.exitCode = 0;
  globalThis.UVU_QUEUE.splice(0, Number.POSITIVE_INFINITY, [null]);
  try {
    await import(pathToFileURL(path).href);
    await exec();
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
  console.log(`\n=== ${process.exitCode}, ${((performance.now() - started) / 1_000).toFixed(1)} s ===`);
}
