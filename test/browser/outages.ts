import type { Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { openFrontProxy, proxyAnswer } from '../support/frontProxy.ts';
import { createClient } from '../support/httpClient.ts';
import { openRestartableServer } from '../support/restartableServer.ts';
import { openChromium } from './browser.ts';

// Clients of the console against every kind of outage. The clock of the page is fake, so that time limits and delays between retries
// take no time here.

export interface Outage {
  /** Where the browser opens the console. */
  url: string;
  begin(): void | Promise<void>;
  end(): void | Promise<void>;
}
export interface OutageClient {
  /** Opens the page that the client needs, while all is well. */
  prepare(page: Page): Promise<void>;
  /** Uses the page during the outage, and waits until the page shows it. */
  during(page: Page): Promise<void>;
  /** Waits until the page shows that the outage is over. Called again until it succeeds. */
  after(page: Page): Promise<void>;
}

/** A server that can be stopped, a proxy in front of it, a browser, and the kinds of outages. */
export const openOutages = () =>
  openAll(async (remember) => {
    const server = await openRestartableServer();
    remember(server.close);
    const front = await openFrontProxy(server.url);
    remember(front.close);
    const { openPage, errors, close } = await openChromium();
    remember(close);
    const atFront = (mode: Parameters<typeof front.setMode>[0]): Outage => ({
      url: front.url,
      begin: () => front.setMode(mode),
      end: () => front.setMode('pass'),
    });
    const outages: Record<string, Outage> = {
      'the server was stopped and started again': { url: server.url, begin: server.stop, end: server.start },
      'a proxy answered 502': atFront(proxyAnswer('502 Bad Gateway')),
      'a proxy answered 504': atFront(proxyAnswer('504 Gateway Timeout')),
      'a proxy answered 503 with Retry-After': atFront(proxyAnswer('503 Service Unavailable', ['Retry-After: 20'])),
      'a proxy answered 429': atFront(proxyAnswer('429 Too Many Requests')),
      'a proxy without a server answered 404': atFront(proxyAnswer('404 Not Found')),
      'a proxy answered 200 with a page of its own': atFront(proxyAnswer('200 OK')),
      'a proxy closed each connection': atFront('cut'),
      'requests arrived and their replies were lost': atFront('lose-replies'),
      'connections were accepted and never answered': atFront('silent'),
    };
    return { client: createClient(server.url), front, openPage, errors, outages };
  });

/** Runs every client through every kind of outage. `createClients` makes the clients of one test, with users of its own. */
export async function testOutages(
  name: string,
  { outages, openPage, errors, close }: Awaited<ReturnType<typeof openOutages>>,
  createClients: Record<string, (user: string) => OutageClient>,
): Promise<void> {
  const test = suite(name);
  let users = 0;
  for (const [outageName, { url, begin, end }] of Object.entries(outages)) {
    for (const [clientName, createOne] of Object.entries(createClients)) {
      test(`${clientName} after ${outageName}`, async () => {
        const { prepare, during, after } = createOne(`user-${++users}`);
        const page = await openPage(url, { fakeClock: true });
        await prepare(page);
        await begin();
        try {
          await page.clock.fastForward(30_000);
          await during(page);
          // Longer than most users would wait: the page never gives up.
          for (let minutes = 0; minutes < 10; minutes++) await page.clock.fastForward(60_000);
        } finally {
          await end();
        }
        await waitWithRetries(page, () => after(page));
        await page.context().close();
      });
    }
  }
  test('no script has failed', () => {
    assert.equal(errors, []);
  });
  test.after(close);
  test.run();
}

/** Moves the clock of the page forward, so that each retry is due, until the page shows what it should. */
export async function waitWithRetries(page: Page, look: () => Promise<void>): Promise<void> {
  page.setDefaultTimeout(2_000);
  for (let leaps = 0; ; leaps++) {
    await page.clock.fastForward(30_000);
    try {
      return await look();
    } catch (error) {
      if (leaps === 12) throw error;
    }
  }
}

/** Waits until the text of the first element that matches says that the page retries. */
export async function waitForRetrying(page: Page, selector: string): Promise<void> {
  // The time limit of a request that is not answered.
  await page.clock.fastForward(16_000);
  await page.waitForFunction((target) => document.querySelector(target)?.textContent?.includes('retrying'), selector);
}
