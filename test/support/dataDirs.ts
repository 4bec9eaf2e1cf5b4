import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';

/** A new, empty folder that goes with the test run. */
export const createDataDir = () => mkdtempSync(join(process.env.TEST_DATA_DIR ?? '', 'd-'));
