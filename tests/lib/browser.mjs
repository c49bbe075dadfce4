// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium under playwright-core.
import { chromium } from 'playwright-core';

import { atEnd } from './process.mjs';

const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--no-first-run'];

export async function startBrowser(t) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args });
  atEnd(t, () => browser.close());
  return browser;
}

/** What a user does at our authorization server: signs in, reads, decides. Answers what was read. */
export async function decideInBrowser(browser, address, { user, password, decision = 'allow' }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${address}`);
  await page.fill('input[name=subject]', user);
  await page.fill('input[name=password]', password);
  await page.click('button[type=submit]');
  const text = await page.textContent('body');
  await page.click(`button[value=${decision}]`);
  await page.waitForLoadState();
  await context.close();
  return text;
}
