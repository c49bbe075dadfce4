// SPDX-License-Identifier: Apache-2.0
// What lies between Valetkey and a provider misbehaves: TLS (P-15), names (P-16), all tokens ending at once (P-13).
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';

import { Jar, connect, decideAtSandbox, land, openLink } from '../lib/consent.mjs';
import { makeVault, startDaemon } from '../lib/daemon.mjs';
import { certificates, startFront, startNames } from '../lib/front.mjs';
import { atEnd, folder, sleep, waitFor } from '../lib/process.mjs';
import { notesFile, startSandbox } from '../lib/sandbox.mjs';

const life = 6;

/** A connected user whose tokens are fetched from @p origin, which leads to the sandbox. */
async function behind(t, sandbox, origin, config) {
  const host = new URL(origin).host;
  const daemon = await startDaemon(t, { allow: [sandbox.host, host], config });
  const file = notesFile(sandbox.origin).replace(/(token_url|revoke_url): \S+?(\/notes\S+)/g, `$1: ${origin}$2`);
  await daemon.addService(file.replace(/hosts: \[.*\]/, `hosts: ["${origin}", "${sandbox.origin}"]`), { id: 'notes' });
  const vault = await makeVault(daemon, { user: 'ada', services: { notes: null } });
  const connection = await connect(daemon, { user: 'ada', service: 'notes', account: 'ada' });
  return {
    daemon,
    ask: () => daemon.exchange(vault.token, 'notes'),
    state: async () => (await daemon.api('GET', `/connections/${connection.id}`)).state,
  };
}

/** While something is wrong the valid token is served, the expired one is not; mended, it goes on. */
async function livesThrough(s, sandbox, { spoil, mend, untouched }) {
  await spoil();
  const refreshes = (await sandbox.counts('notes')).refresh_ok;
  const early = await s.ask();
  assert.equal(early.status, 200, early.text);
  await sleep((life + 0.3) * 1000);
  const began = Date.now();
  const late = await s.ask();
  assert.equal(late.status, 503, late.text);
  assert.equal(late.body.error, 'provider_unavailable');
  assert.ok(Date.now() - began < 12000, 'there is a deadline');
  assert.equal(await s.state(), 'connected');
  assert.equal((await sandbox.counts('notes')).refresh_ok, refreshes, 'the refresh token did not get there');
  untouched?.();
  await mend();
  const { body } = await waitFor(async () => {
    const answer = await s.ask();
    return answer.status === 200 && answer;
  }, { what: 'service again', ms: 40000, every: 250 });
  assert.equal((await sandbox.me(body.access_token)).status, 200);
  const { refresh_twice: twice, refresh_refused: no } = await sandbox.counts('notes');
  assert.deepEqual({ twice, no }, { twice: 0, no: 0 });
}

test('P-15 TLS', { concurrency: 9 }, async (t) => {
  const certs = await certificates(folder(t));
  const old = (version) => ({ ...certs.good, minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
  const rows = {
    'an expired certificate': certs.expired,
    'a certificate of tomorrow': certs.early,
    'another host\'s certificate': certs.elsewhere,
    'a stranger\'s certificate': certs.foreign,
    'a certificate of its own making': certs.alone,
    'TLS 1.0': old('TLSv1'),
    'TLS 1.1': old('TLSv1.1'),
    'a handshake that stalls': 'stalls',
    'plain HTTP where TLS was meant': null,
  };
  await Promise.all(Object.entries(rows).map(([name, bad]) => t.test(`P-15 ${name} is refused`, async (u) => {
    const sandbox = await startSandbox(u);
    await sandbox.control({ service: 'notes', rotation: 'strict', lifetime_s: life });
    const front = await startFront(u, sandbox, certs.good);
    const s = await behind(u, sandbox, `https://localhost:${front.port}`, `  ca_file: ${certs.ca}\n`);
    await livesThrough(s, sandbox, {
      spoil: async () => { await front.serve(bad); front.seen = 0; },
      untouched: () => assert.equal(front.seen, 0, 'no request was made'),
      mend: () => front.serve(certs.good),
    });
  })));
});

test('P-16 names', { concurrency: 7 }, async (t) => {
  const certs = await certificates(folder(t), 'provider.test');
  const home = { a: [[127, 0, 0, 1]] };
  const rows = {
    'a name that is not there': 'nxdomain',
    'a name server that fails': 'servfail',
    'a name server that is silent': null,
    'a name without an address': { a: [] },
    'a name that leads to a cloud\'s credentials': { a: [[169, 254, 169, 254]] },
    'one good address and one that is forbidden': { a: [[127, 0, 0, 1], [169, 254, 169, 254]] },
  };
  await Promise.all(Object.entries(rows).map(([name, bad]) => t.test(`P-16 ${name} is refused`, async (u) => {
    const sandbox = await startSandbox(u);
    await sandbox.control({ service: 'notes', rotation: 'strict', lifetime_s: life });
    const front = await startFront(u, sandbox, certs.good);
    const names = await startNames(u, () => home);
    const s = await behind(u, sandbox, `https://provider.test:${front.port}`, `  resolvers: ["${names.address}"]\n  ca_file: ${certs.ca}\n`);
    await livesThrough(s, sandbox, {
      spoil: () => { names.says = () => bad; front.seen = 0; },
      untouched: () => assert.equal(front.seen, 0, 'no request was made'),
      mend: () => { names.says = () => home; },
    });
  })));

  await t.test('P-16 a public name that leads inside is refused before anything is connected', async (u) => {
    const sandbox = await startSandbox(u);
    let reached = 0;
    const inside = createServer((socket) => { reached += 1; socket.destroy(); });
    const listens = await new Promise((done) => {
      inside.once('error', () => done(false));
      inside.listen(443, '127.0.0.1', () => done(true));
    });
    if (listens) atEnd(u, () => new Promise((done) => { inside.close(done); }));
    else u.diagnostic('port 443 cannot be had here: what is not connected is seen by the answer alone');
    const names = await startNames(u, () => home);
    const daemon = await startDaemon(u, { allow: [sandbox.host], config: `  resolvers: ["${names.address}"]\n` });
    const file = notesFile(sandbox.origin).replace(/token_url: \S+/, 'token_url: https://provider.test/token');
    await daemon.addService(file, { id: 'notes' });
    await daemon.api('POST', '/users', { subject: 'ada' });
    for (const said of [home, { a: [[10, 0, 0, 1]] }, { a: [[8, 8, 8, 8], [127, 0, 0, 1]] },
      { aaaa: [[...Buffer.alloc(10), 255, 255, 127, 0, 0, 1]] }, { aaaa: [[...Buffer.alloc(15), 1]] }]) {
      names.says = () => said;
      const jar = new Jar();
      const { url } = await daemon.api('POST', '/connections/start', { user: 'ada', service: 'notes' });
      const { status, html } = await land(jar, await decideAtSandbox(jar, await openLink(jar, url)));
      assert.ok(status >= 400, `${JSON.stringify(said)}: ${status} ${html}`);
      assert.equal(reached, 0, JSON.stringify(said));
    }
    assert.ok(names.asked.includes('provider.test'));
    assert.deepEqual(await daemon.list('/connections?user=ada'), []);
  });
});

describe('P-13 all tokens end at once', () => {
  test('P-13 the provider is asked by few at a time, each token once, and all are served', async (t) => {
    const herd = Number(process.env.VALETKEY_HERD ?? 160);
    const lifetime = 6;
    const sandbox = await startSandbox(t);
    await sandbox.control({ service: 'notes', rotation: 'strict', lifetime_s: 600 });
    const front = await startFront(t, sandbox, null, { delayMs: 60 });
    const { daemon } = await behind(t, sandbox, `http://127.0.0.1:${front.port}`);
    const members = [];
    await sandbox.control({ service: 'notes', rotation: 'strict', lifetime_s: lifetime });
    const began = Date.now();
    await Promise.all(Array.from({ length: 12 }, async () => {
      while (members.length < herd) {
        const user = `herd${members.push(null)}`;
        const vault = await makeVault(daemon, { user, services: { notes: null } });
        await connect(daemon, { user, service: 'notes', account: 'ada' });
        members[Number(user.slice(4)) - 1] = vault.token;
      }
    }));
    t.diagnostic(`${members.length} connected in ${Date.now() - began} ms`);
    await sleep((lifetime + 0.5) * 1000);
    const before = (await sandbox.counts('notes')).refresh_ok;
    front.most = 0;
    const answers = await Promise.all(members.map((token) => daemon.exchange(token, 'notes')));
    assert.deepEqual([...new Set(answers.map((a) => a.status))], [200], JSON.stringify(answers.find((a) => a.status !== 200)?.body));
    const counts = await sandbox.counts('notes');
    assert.equal(counts.refresh_ok - before, members.length);
    assert.equal(counts.refresh_twice, 0);
    t.diagnostic(`at most ${front.most} at a time`);
    assert.ok(front.most <= 64, `${front.most} at a time`);
  });
});
