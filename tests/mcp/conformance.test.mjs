// SPDX-License-Identifier: Apache-2.0
// The official conformance suite: its stable version and both requirement sets of its next, directly against a vault, and
// its scenarios for authorization servers. What it expects of a server made for it (its fixtures) a vault does not have:
// conformance-*.yml says which.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { consent, password, register } from '../lib/authorize.mjs';
import { Program, atEnd, folder, freePort, run } from '../lib/process.mjs';
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

for (const set of ['2025-11-25', '2026-07-28']) {
  test(`conformance as a client of remote servers, requirements of ${set}`, async (t) => {
    const client = new URL('../lib/upstream_client.mjs', import.meta.url).pathname;
    const expected = new URL(`conformance-client-${set}.yml`, import.meta.url).pathname;
    const { code, out, err } = await run(process.execPath, [suite, 'client', '--command', `${process.execPath} ${client}`,
      '--requirements', set, '--timeout', '40000', '--expected-failures', expected, '-o', folder(t)], { ms: 300000 });
    const summary = out.slice(out.indexOf('=== SUITE SUMMARY ==='));
    t.diagnostic(/Total: .*/.exec(summary)?.[0] ?? 'no total');
    assert.equal(code, 0, `${summary}\n${err.slice(-4000)}`);
  });
}

// It has a client without a secret: with one it would show none, as the metadata lists `none` among the ways.
test('conformance, the authorization server', async (t) => {
  const s = await acmeStage(t, { config: 'authserver: {client_metadata_documents: true}\n' });
  await s.daemon.api('POST', '/users/password', { user: s.user, password });
  const port = await freePort();
  const client = await register(s.daemon, { redirect_uris: [`http://127.0.0.1:${port}/callback`] });
  const program = new Program(process.execPath, [suite, 'authorization', '--url', `${s.daemon.url}/`, '--client-id', client.client_id,
    '--resource', s.vault.mcp_url, '--port', `${port}`, '-o', folder(t)]);
  atEnd(t, () => program.stop());
  const [, address] = await program.says(/^(http\S+\/authorize\?\S+)$/m, 30000);
  await program.says(/Callback server started/);
  assert.equal((await fetch(await consent(address))).status, 200);
  const { code } = await program.ended;
  assert.equal(code, 0, program.out + program.err);
  assert.match(program.out, /Total: 3 passed, 0 failed/);
});
