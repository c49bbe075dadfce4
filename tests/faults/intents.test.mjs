// SPDX-License-Identifier: Apache-2.0
// What was under way when everything ended is unknown, and the log says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Jar, decideAtSandbox, openLink } from '../lib/consent.mjs';
import { waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

test('an intent whose outcome nobody saw becomes unknown after the next start, once', async (t) => {
  const s = await stage(t, { connected: false });
  const jar = new Jar();
  const { url } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
  const callback = await decideAtSandbox(jar, await openLink(jar, url));
  await s.sandbox.control({ service: 'notes', delay_ms: 5000 });
  const gone = jar.fetch(callback).catch(() => null);
  await waitFor(async () => (await s.daemon.events()).some((e) => e.kind === 'connect' && e.outcome === 'intent'), { what: 'the intent' });
  for (const pid of [s.daemon.program.pid, ...Object.values(s.daemon.children())]) {
    try { process.kill(pid, 'SIGKILL'); } catch { /* it went with the others */ }
  }
  await gone;
  await s.daemon.program.ended;
  await s.daemon.start();
  const closed = async () => {
    const events = await s.daemon.events();
    const intent = events.find((e) => e.kind === 'connect' && e.outcome === 'intent');
    return events.filter((e) => e.ref === intent.event);
  };
  assert.deepEqual(await closed(), []);
  await waitFor(async () => (await closed()).length > 0, { what: 'the outcome', ms: 40000, every: 500 });
  await new Promise((done) => setTimeout(done, 6000));
  const outcomes = await closed();
  assert.deepEqual(outcomes.map((e) => [e.kind, e.outcome, e.service]), [['connect', 'unknown', 'notes']]);
});
