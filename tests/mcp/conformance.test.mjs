// SPDX-License-Identifier: Apache-2.0
// The official conformance suite, both requirement sets, directly against a vault. What it expects
// of a server made for it (its fixtures) a vault does not have: conformance-*.yml says which.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { folder, run } from '../lib/process.mjs';
import { startShim } from '../lib/shim.mjs';

const stable = new URL('../node_modules/conformance-stable/dist/index.js', import.meta.url).pathname;
const suite = new URL('../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url).pathname;

test('conformance, the stable suite', async (t) => {
  const s = await acmeStage(t);
  const url = await startShim(t, s.vault);
  const expected = new URL('conformance-2025-11-25.yml', import.meta.url).pathname;
  const { code, out, err } = await run(process.execPath, [stable, 'server', '--url', url, '--suite', 'active',
    '--expected-failures', expected, '-o', folder(t)], { ms: 300000 });
  const summary = out.slice(out.indexOf('=== SUMMARY ==='));
  t.diagnostic(/Total: .*/.exec(summary)?.[0] ?? 'no total');
  assert.equal(code, 0, `${summary}\n${err}`);
});

for (const set of ['2025-11-25', '2026-07-28']) {
  test(`conformance, requirements of ${set}`, async (t) => {
    const s = await acmeStage(t);
    const url = await startShim(t, s.vault);
    const expected = new URL(`conformance-${set}.yml`, import.meta.url).pathname;
    const { code, out, err } = await run(process.execPath, [suite, 'server', '--url', url, '--requirements', set,
      '--expected-failures', expected, '-o', folder(t)], { ms: 300000 });
    const summary = out.slice(out.indexOf('=== SUMMARY ==='));
    t.diagnostic(/Total: .*/.exec(summary)?.[0] ?? 'no total');
    assert.equal(code, 0, `${summary}\n${err}`);
  });
}
