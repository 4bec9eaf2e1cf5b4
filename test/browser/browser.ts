import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { ensurePrograms, findProgram } from '../../src/infra/local/install.ts';
import { openTestServer } from '../support/testServer.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const screenshotFolder = resolve(process.env.TEST_SCREENSHOTS ?? 'screenshots');

/** Of everything that a test waits for. Four browsers share the machine, and the limit is only for what never happens. */
const LIMIT_MS = 30_000;

export const phone = { width: 360, height: 740 };
export const desktop = { width: 1280, height: 900 };

/** Browsers log every request that fails or is refused as an error. These are not errors of the page. */
const isFailedRequest = (text: string) =>
  /^Failed to load resource: (the server responded with a status of (4\d\d|50[234])|net::ERR_)/.test(text);

/** A real Chromium. `errors` collects what goes wrong on its pages. */
export const openChromium = () =>
  openAll(async (remember) => {
    ensurePrograms(['chromium'], (line) => console.log(line));
    const browser = await chromium.launch({
      executablePath: findProgram('chromium') ?? '',
      // Chromium has no sandbox when it runs as root. It only opens our own page.
      args: ['--no-sandbox'],
    });
    remember(() => browser.close());
    const errors: string[] = [];

    /** Opens the console of a server in a new browser context, without a session. */
    const openPage = async (url: string, options: BrowserContextOptions & { fakeClock?: true } = {}): Promise<Page> => {
      const context = await browser.newContext({ viewport: desktop, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(LIMIT_MS);
      if (options.fakeClock) await page.clock.install();
      // A violation of the Content-Security-Policy is logged as an error too.
      page.on('console', (message) => {
        if (message.type() === 'error' && !isFailedRequest(message.text())) errors.push(message.text());
      });
      page.on('pageerror', (error) => errors.push(String(error.stack)));
      await page.goto(url);
      return page;
    };
    return { openPage, errors };
  });

/** A server that allows rehearsals, and a real Chromium. */
export const openBrowser = (environment: NodeJS.ProcessEnv = {}) =>
  openAll(async (remember) => {
    const server = await openTestServer({ ALLOW_REHEARSAL: '1', ...environment });
    remember(server.close);
    const { openPage, errors, close } = await openChromium();
    remember(close);
    return { server, openPage: (options?: BrowserContextOptions) => openPage(server.url, options), errors };
  });

export async function submitRegistration(page: Page, username: string, kind: 'seller' | 'customer'): Promise<void> {
  await page.click('#login-switch');
  await page.fill('#username', username);
  await page.fill('#password', 'secret');
  await page.check(`input[value=${kind}]`);
  await page.click('#login-submit');
}

export async function register(page: Page, username: string, kind: 'seller' | 'customer'): Promise<void> {
  await submitRegistration(page, username, kind);
  await page.waitForSelector(`#${kind}:not([hidden])`);
}

export async function logIn(page: Page, username: string): Promise<void> {
  await page.fill('#username', username);
  await page.fill('#password', 'secret');
  await page.click('#login-submit');
}

export async function createCoupon(page: Page, name: string, amount: number): Promise<void> {
  await page.fill('#coupon-name', name);
  await page.fill('#coupon-amount', String(amount));
  await page.fill('#coupon-description', `Twenty off at the counter, for the first ${amount}.`);
  await page.click('#create-form button');
  await waitForText(page, '#board-name', name);
}

/** Waits until the text of the element is exactly this. */
export const waitForText = (page: Page, selector: string, text: string) =>
  page.waitForFunction(
    ([target, expected]) => document.querySelector(target ?? '')?.textContent?.trim() === expected,
    [selector, text],
  );

export async function takeScreenshot(page: Page, name: string): Promise<void> {
  mkdirSync(screenshotFolder, { recursive: true });
  await page.screenshot({ path: join(screenshotFolder, `console-${name}.png`), fullPage: true });
}

/** Asserts that axe finds no violation of WCAG 2.2 AA, and that the page needs no horizontal scrolling. */
export async function assertAccessible(page: Page, pageName: string): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    return (await axe.run({ runOnly: tags })).violations;
  });
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.equal(found, [], pageName);
  const excessWidth = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.is(excessWidth, 0, `${pageName} is ${excessWidth} pixels too wide`);
}
interface Violation {
  id: string;
  nodes: { html: string }[];
}
