import { type Crowd, type CrowdCounts, NO_COUNTS } from './crowd.ts';
import { runCrowd } from './runCrowd.ts';

// Runs the simulated customers in a separate process, so that they do not slow down the server. Exits with its parent.

const REPORT_INTERVAL_MS = 100;

process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit(0));
process.once('message', async (crowd: Crowd) => {
  let latest: CrowdCounts = NO_COUNTS;
  const timer = setInterval(() => process.send?.(latest), REPORT_INTERVAL_MS);
  await runCrowd(crowd, (counts) => {
    latest = counts;
  });
  clearInterval(timer);
  process.send?.(latest, () => process.exit(0));
});
