import { setTimeout as sleep } from 'node:timers/promises';
import type { LiveFigures, LiveSnapshot } from '../../src/live/figures.ts';

type Holds = (data: LiveEvent['data'], event: string) => boolean;
type LiveEvent = { event: string; data: LiveFigures & Partial<LiveSnapshot>; at: number };

/** Opens a live stream of a seller. `events` grows with each event that arrives. */
export async function listen(url: string, token: string, seller: string) {
  const stop = new AbortController();
  const response = await fetch(`${url}/api/live?seller=${encodeURIComponent(seller)}`, {
    headers: { authorization: token },
    signal: stop.signal,
  });
  const events: LiveEvent[] = [];
  const read = async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event = '', data = '{}'] = /^event: (\w+)\ndata: (.*)$/s.exec(block) ?? [];
        if (event !== '') events.push({ event, data: JSON.parse(data), at: performance.now() });
      }
    }
  };
  const ended = read().then(
    () => 'whole' as const,
    () => 'cut' as const,
  );
  return {
    response,
    events,
    /** Resolves when the stream has ended: `whole` when the server has ended it, and `cut` when its connection was closed. */
    ended,
    /** Resolves with the first event that fulfils the condition. */
    waitFor: (holds: Holds) => find(holds, 0),
    /** The same for events that arrive from now on. */
    waitForNext: (holds: Holds) => find(holds, events.length),
    stop: () => stop.abort(),
  };

  async function find(holds: Holds, from: number): Promise<LiveEvent['data']> {
    const limit = Date.now() + 60_000;
    for (;;) {
      const found = events.slice(from).find(({ data, event }) => holds(data, event));
      if (found !== undefined) return found.data;
      if (Date.now() > limit) throw new Error(`no such event: ${JSON.stringify(events.slice(-2))}`);
      await sleep(10);
    }
  }
}

/** The coupon of this name in the event, if the event has it. */
export const couponIn = ({ coupons }: LiveFigures, name: string) => coupons.find((coupon) => coupon.name === name);
