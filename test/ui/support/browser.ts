import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { type ApiDouble, type ApiDoubleOptions, BUILT_PAGE, startApiDouble } from './api-double.ts';

const CHROMIUM = '/usr/bin/chromium';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** How long to wait for what should come at once, milliseconds: the machine may be busy with other tests. */
const PATIENCE = 15_000;

/** One browser for the tests of a file, with a profile folder of its own. */
export interface TestBrowser {
  /**
   * Opens the page before a double of the API in a fresh window. When the test ends, it fails if the page has logged an
   * error, broken its Content-Security-Policy or asked another host.
   */
  open(t: ExecutionContext, options?: OpenOptions): Promise<OpenPage>;
  /** Opens the page that a service serves at `url`, and watches it in the same way. */
  visit(t: ExecutionContext, url: string, options?: VisitOptions): Promise<Page>;
  close(): Promise<void>;
}

export interface VisitOptions {
  readonly hash?: string;
  readonly window?: BrowserContextOptions;
  /** Texts that the browser may log as errors here, such as its note on a 409 that the test wants. */
  readonly expectedErrors?: RegExp;
}

export interface OpenOptions extends VisitOptions, ApiDoubleOptions {}

export interface OpenPage {
  readonly page: Page;
  readonly api: ApiDouble;
}

export async function startBrowser(): Promise<TestBrowser> {
  await access(BUILT_PAGE).catch(() => {
    throw new Error(`${BUILT_PAGE} is missing: run \`npx vite build web\``);
  });
  const profile = await mkdtemp(join(tmpdir(), 'rackseed-chromium-'));
  // Its own window serves as the browser; each test has a context beside it.
  const first: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: CHROMIUM,
    headless: true,
    args: FLAGS,
  });
  const browser = first.browser();
  if (!browser) throw new Error('Chromium has no browser object');

  const visit: TestBrowser['visit'] = async (t, url, { hash = '', window = {}, expectedErrors } = {}) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...window });
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    const complaints = watch(page, url, expectedErrors);
    t.teardown(async () => {
      await context.close();
      if (complaints.length > 0) throw new Error(`the page has complaints:\n${complaints.join('\n')}`);
    });
    await page.goto(`${url}${hash}`);
    return page;
  };
  return {
    visit,
    async open(t, options = {}) {
      const api = await startApiDouble(options);
      t.teardown(() => api.close());
      return { page: await visit(t, api.url, options), api };
    },
    async close() {
      await first.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Collects what a page must not do. */
function watch(page: Page, origin: string, expected: RegExp | undefined): string[] {
  const complaints: string[] = [];
  page.on('console', (entry) => {
    if (entry.type() !== 'error' && entry.type() !== 'warning') return;
    if (!expected?.test(entry.text())) complaints.push(`console: ${entry.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) complaints.push(`request to ${request.url()}`);
  });
  return complaints;
}
