import { type Crowd, type CrowdCounts, NO_COUNTS, sendCrowd } from './crowd.ts';

// The crowd of a rehearsal as a process of its own: what it costs is not the server's. It ends with its parent.

const TELL_EVERY_MS = 100;

process.on('SIGINT', () => {});
process.once('disconnect', () => process.exit(0));
process.once('message', async (crowd: Crowd) => {
  let latest: CrowdCounts = NO_COUNTS;
  const timer = setInterval(() => process.send?.(latest), TELL_EVERY_MS);
  await sendCrowd(crowd, (counts) => {
    latest = counts;
  });
  clearInterval(timer);
  process.send?.(latest, () => process.exit(0));
});
