// SPDX-License-Identifier: Apache-2.0
// After every journey: no token, no secret and no personal text in what is kept, said or measured.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { disguises, leaks, placesOf } from '../lib/canary.mjs';
import { Jar, connect, decideAtSandbox, land, openLink } from '../lib/consent.mjs';
import { makeVault } from '../lib/daemon.mjs';
import { clientSecret, notesFile } from '../lib/sandbox.mjs';
import { sleep } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

const email = 'canary.person.41@mail.invalid';
const name = 'Canaria Q. Singbird';

test('the search finds what it looks for', () => {
  const secret = 'sandbox-notes-access-0123456789abcdef';
  for (const form of disguises(secret)) assert.equal(leaks({ it: secret }, { here: Buffer.concat([Buffer.from('xy'), form]) }).length, 1);
  for (let shift = 0; shift < 3; shift++) {
    const text = Buffer.from(`${'-'.repeat(shift)}${secret}--`).toString('base64');
    assert.equal(leaks({ it: secret }, { here: Buffer.from(text) }).length, 1, `${shift}`);
  }
  assert.deepEqual(leaks({ it: secret }, { here: Buffer.from('nothing') }), []);
});

test('data, backup, logs, metrics and events are clean after every journey', async (t) => {
  const s = await stage(t, { lifetime: 2 });
  await s.daemon.api('POST', '/users', { subject: 'canary', email, name });
  const agent = await s.daemon.api('POST', '/agents', { name: 'Robot' });
  const vault = await makeVault(s.daemon, { user: 'canary', services: { notes: null }, create: false });
  const connection = await connect(s.daemon, { user: 'canary', service: 'notes', account: 'grace' });
  const start = await s.daemon.api('POST', '/connections/start', { user: 'canary', service: 'notes' });
  const jar = new Jar();
  const denied = await decideAtSandbox(jar, await openLink(jar, start.url), { deny: true });
  await land(jar, denied);
  for (let i = 0; i < 3; i++) {
    await s.daemon.exchange(vault.token, 'notes');
    await s.daemon.exchange(vault.token.replace(/.$/, 'x'), 'notes');
    await s.daemon.exchange(vault.token, 'notes', { client_id: agent.client_id, client_secret: 'canary-wrong-secret-77' });
    await sleep(1200);
  }
  const rotated = await s.daemon.api('POST', `/vaults/${vault.id}/rotate-token`);
  await s.daemon.exchange(rotated.token, 'notes');
  await s.sandbox.control({ service: 'notes', endpoint: 'refresh', mode: 'html', times: 2 });
  await sleep(2500);
  await s.daemon.exchange(rotated.token, 'notes');
  const backup = join(s.daemon.dir, 'backup');
  await s.daemon.cli(['backup', 'create', '--into', backup]);
  await s.daemon.api('DELETE', `/connections/${connection.id}`);
  await sleep(500);
  const metrics = await (await fetch(`${s.daemon.url}/metrics`)).text();
  const events = JSON.stringify(await s.daemon.settledEvents());
  process.kill(s.daemon.children().core, 'SIGKILL');
  await sleep(1000);
  await s.daemon.ready();

  const issued = Object.fromEntries((await s.sandbox.tokens('notes')).map((token, i) => [`${token.kind} ${i}`, token.token]));
  assert.ok(Object.keys(issued).length >= 8);
  const secrets = {
    ...issued,
    'client secret': clientSecret,
    'agent secret': agent.client_secret,
    'wrong agent secret': 'canary-wrong-secret-77',
    'vault token': vault.token,
    'new vault token': rotated.token,
    'admin token': s.daemon.token,
    ticket: start.url.split('/').pop(),
    'provider\'s mail address': 'grace@sandbox.invalid',
    'provider\'s other mail address': 'ada@sandbox.invalid',
    'mail address': email,
    'person\'s name': name,
  };
  const places = placesOf(s.daemon.data);
  assert.ok(Object.keys(places).some((p) => p.includes('state.db')), Object.keys(places).join(' '));
  assert.ok(Object.keys(places).some((p) => p.includes('/log/')));
  const copied = placesOf(backup);
  assert.ok(Object.keys(copied).length >= 3, Object.keys(copied).join(' '));
  Object.assign(places, copied);
  places['standard error'] = Buffer.from(s.daemon.program.err);
  places['standard output'] = Buffer.from(s.daemon.program.out);
  places.metrics = Buffer.from(metrics);
  places.events = Buffer.from(events);
  assert.deepEqual(leaks(secrets, places), []);
});

test('no process leaves a core file or may be read by another', async (t) => {
  const s = await stage(t, {});
  for (const [role, pid] of Object.entries(s.daemon.children())) {
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
    assert.match(limits, /Max core file size\s+0\s+0/, role);
    assert.equal(statSync(join('/proc', String(pid), 'environ')).uid, 0, `${role} is not dumpable, so its files are root's`);
  }
});

/** What a core dump would hold: every writable mapping that can be read. */
function memoryOf(pid) {
  const found = {};
  const mem = openSync(`/proc/${pid}/mem`, 'r');
  for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (!from || /\[v(var|sys)/.test(line)) continue;
    const bytes = Buffer.alloc(Number(BigInt(`0x${to}`) - BigInt(`0x${from}`)));
    try {
      readSync(mem, bytes, 0, bytes.length, BigInt(`0x${from}`));
      found[`${pid} ${line}`] = bytes;
    } catch { /* memory that the kernel itself may not read: where secrets belong */ }
  }
  closeSync(mem);
  return found;
}

test('core\'s memory never held a provider\'s token or a client\'s secret; the others let go of them', async (t) => {
  const s = await stage(t, { lifetime: 2 });
  for (let i = 0; i < 4; i++) {
    assert.equal((await s.ask()).status, 200);
    await sleep(1100);
  }
  await s.daemon.addService(notesFile(s.sandbox.origin, { id: 'other' }), { id: 'other' });
  await sleep(300);
  const tokens = Object.fromEntries((await s.sandbox.tokens('notes'))
    .filter((one) => /access|refresh/.test(one.kind)).map((one, i) => [`${one.kind} ${i}`, one.token]));
  assert.ok(Object.keys(tokens).length >= 4, JSON.stringify(tokens));
  const secrets = { ...tokens, 'client secret': clientSecret };
  const children = s.daemon.children();
  const core = memoryOf(children.core);
  assert.ok(leaks({ service: 'authorize_url: ' }, core).length > 0, 'the search does see core\'s memory');
  assert.deepEqual(leaks(secrets, core), []);
  for (const role of ['gate', 'keeper', 'courier']) assert.deepEqual(leaks(secrets, memoryOf(children[role])), [], role);
});
