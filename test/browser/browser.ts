import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import * as assert from 'uvu/assert';
import { openAll } from '../../src/infra/closers.ts';
import { ensurePrograms, findProgram } from '../../src/infra/local/install.ts';
import { openTestServer } from '../support/testServer.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const pictures = resolve(process.env.TEST_SCREENSHOTS ?? 'screenshots');

export const phone = { width: 360, height: 740 };
export const desktop = { width: 1280, height: 900 };

/** What a refused request leaves in the console of every browser is no error of the page. */
const isRefusal = (text: string) =>
  /^Failed to load resource: the server responded with a status of (4\d\d|503)/.test(text);

/** A server that allows rehearsals, and a real Chromium. */
export const openBrowser = () =>
  openAll(async (remember) => {
    ensurePrograms(['chromium'], (line) => console.log(line));
    const server = await openTestServer({ ALLOW_REHEARSAL: '1' });
    remember(server.close);
    const browser = await chromium.launch({
      executablePath: findProgram('chromium') ?? '',
      // As root Chromium has no sandbox; the only page it sees is ours.
      args: ['--no-sandbox'],
    });
    remember(() => browser.close());
    const errors: string[] = [];

    /** A window of its own, which nobody has logged in to. */
    const openPage = async (options: BrowserContextOptions = {}): Promise<Page> => {
      const context = await browser.newContext({ viewport: desktop, ...options });
      const page = await context.newPage();
      page.setDefaultTimeout(10_000);
      // What the Content-Security-Policy forbids is an error in the console as well.
      page.on('console', (message) => {
        if (message.type() === 'error' && !isRefusal(message.text())) errors.push(message.text());
      });
      page.on('pageerror', (error) => errors.push(String(error.stack)));
      await page.goto(server.url);
      return page;
    };
    return { server, openPage, errors };
  });

export async function enter(page: Page, username: string, kind: 'seller' | 'customer'): Promise<void> {
  await page.click('#entry-switch');
  await page.fill('#username', username);
  await page.fill('#password', 'secret');
  await page.check(`input[value=${kind}]`);
  await page.click('#entry-submit');
  await page.waitForSelector(`#${kind}:not([hidden])`);
}

export async function putUp(page: Page, name: string, amount: number): Promise<void> {
  await page.fill('#coupon-name', name);
  await page.fill('#coupon-amount', String(amount));
  await page.fill('#coupon-description', `Twenty off at the counter, for the first ${amount}.`);
  await page.click('#create-form button');
  await hasText(page, '#board-name', name);
}

/** Waits until the element says exactly this. */
export const hasText = (page: Page, selector: string, text: string) =>
  page.waitForFunction(
    ([at, wanted]) => document.querySelector(at ?? '')?.textContent?.trim() === wanted,
    [selector, text],
  );

export async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `console-${name}.png`), fullPage: true });
}

/** Nothing that axe finds against WCAG 2.2 AA, and nothing that has to be scrolled sideways. */
export async function mustBeAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    return (await axe.run({ runOnly: tags })).violations;
  });
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
  assert.equal(found, [], what);
  const tooWide = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.is(tooWide, 0, `${what} is ${tooWide} pixels too wide`);
}
interface Violation {
  id: string;
  nodes: { html: string }[];
}
