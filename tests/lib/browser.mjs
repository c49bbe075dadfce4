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
