// SPDX-License-Identifier: Apache-2.0
// The official conformance suite through a vault: in front of a server on the official SDK that has what the suite expects
// of one, at a mount, with every tool accepted and allowed. through-*.yml says what fails, and why.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon } from '../lib/daemon.mjs';
import { everything, serverOptions } from '../lib/everything.mjs';
import { Peer } from '../lib/peer.mjs';
import { folder, run } from '../lib/process.mjs';
import { startShim } from '../lib/shim.mjs';

const suites = {
  stable: new URL('../node_modules/conformance-stable/dist/index.js', import.meta.url).pathname,
  frozen: new URL('../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url).pathname,
};

/** A mount of a server on this SDK, behind a shim that shows the vault's token. */
async function mount(t, sdk) {
  const kit = {};
  const peer = await new Peer(null, { sdk, make: everything(sdk, kit), options: serverOptions[sdk] }).start(t);
  kit.notify = peer.notify;
  const daemon = await startDaemon(t, { allow: [`127.0.0.1:${peer.port}`] });
  await daemon.api('POST', '/users', { subject: 'ada' });
  await daemon.api('POST', '/services/mcp', { url: peer.url, id: 'everything' });
  await daemon.cli(['service', 'review', 'everything', '--accept']);
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'All', policy: 'name: All\nservices:\n  everything: {proxy: allow, default: allow}\n' });
  return startShim(t, { ...vault, mcp_url: `${vault.mcp_url}/everything` });
}

async function conforms(t, url, suite, name, args) {
  const expected = new URL(`through-${name}.yml`, import.meta.url).pathname;
  const { code, out, err } = await run(process.execPath, [suites[suite], 'server', '--url', url, ...args,
    '--expected-failures', expected, '-o', folder(t)], { ms: 280000 });
  const summary = out.slice(out.indexOf('=== SUMMARY ==='));
  t.diagnostic(/Total: .*/.exec(summary)?.[0] ?? 'no total');
  assert.equal(code, 0, `${summary}\n${err}`);
}

test('through a mount: the stable suite', async (t) => {
  await conforms(t, await mount(t, 'one'), 'stable', 'stable', ['--suite', 'active']);
});

test('through a mount: requirements of 2025-11-25', async (t) => {
  await conforms(t, await mount(t, 'one'), 'frozen', '2025-11-25', ['--requirements', '2025-11-25']);
});

test('through a mount: requirements of 2026-07-28', async (t) => {
  await conforms(t, await mount(t, 'two'), 'frozen', '2026-07-28', ['--requirements', '2026-07-28']);
});
