// SPDX-License-Identifier: Apache-2.0
// What an operator does and what may go wrong meanwhile: sealing, rotation, backup, bad files, full disks.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { files } from '../lib/canary.mjs';
import { Jar, openLink } from '../lib/consent.mjs';
import { makeVault, startDaemon } from '../lib/daemon.mjs';
import { Program, atEnd, binary, folder, freePort, run, waitFor } from '../lib/process.mjs';
import { stage } from '../lib/stage.mjs';

/** Changes one letter of an event that the log below @p dir holds. */
function flip(dir) {
  const mark = Buffer.from('"outcome":"ok"');
  const file = files(dir).find((path) => readFileSync(path).includes(mark));
  assert.ok(file, `${dir} has an event to change`);
  const bytes = readFileSync(file);
  bytes.write('"outcome":"on"', bytes.lastIndexOf(mark));
  writeFileSync(file, bytes);
}

describe('the operator', { concurrency: 3 }, () => {
  test('two daemons on one data directory: the second refuses and says so', async (t) => {
    const daemon = await startDaemon(t);
    const second = await run(binary, ['serve', '--data', daemon.data, '--listen', `127.0.0.1:${await freePort()}`], { env: daemon.env });
    assert.notEqual(second.code, 0);
    assert.match(second.err + second.out, /already|another|in use|lock/i);
    assert.equal((await fetch(`${daemon.url}/readyz`)).status, 200);
  });

  test('sealed by passphrase: answers health and nothing else until it is unsealed', async (t) => {
    const dir = folder(t);
    const data = join(dir, 'data');
    const good = join(dir, 'good');
    const wrong = join(dir, 'wrong');
    writeFileSync(good, 'correct horse battery staple\n');
    writeFileSync(wrong, 'wrong horse battery staple\n');
    const port = await freePort();
    const env = { XDG_CONFIG_HOME: join(dir, 'config'), HOME: dir, VALETKEY_DATA: data };
    const made = await run(binary, ['init', '--data', data, '--passphrase-file', good], { env });
    assert.equal(made.code, 0, made.err);
    const program = new Program(binary, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`], { env });
    atEnd(t, () => program.stop());
    const url = `http://localhost:${port}`;
    await waitFor(async () => (await fetch(`${url}/healthz`)).ok, { what: 'health' });
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    const refused = await fetch(`${url}/oauth/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }) });
    assert.ok(refused.status === 503 || refused.status === 400, String(refused.status));
    await t.test('RV-06 7009 2.2.1: what cannot be revoked now is said to be so', async () => {
      const answer = await fetch(`${url}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token: 'x' }) });
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
    });
    const bad = await run(binary, ['key', 'unseal', '--passphrase-file', wrong], { env });
    assert.notEqual(bad.code, 0);
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    const opened = await run(binary, ['key', 'unseal', '--passphrase-file', good], { env });
    assert.equal(opened.code, 0, opened.err);
    await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: 'readiness' });
    const closed = await run(binary, ['key', 'seal', '--yes'], { env });
    assert.equal(closed.code, 0, closed.err);
    await waitFor(async () => (await fetch(`${url}/readyz`)).status === 503, { what: 'the seal' });
  });

  test('keys are rotated while agents are served; afterwards everything still opens, also after a restart', async (t) => {
    const s = await stage(t, {});
    let going = true;
    const statuses = new Set();
    atEnd(t, () => { going = false; });
    const load = (async () => { while (going) statuses.add((await s.ask()).status); })();
    for (let i = 0; i < 3; i++) {
      await s.daemon.api('POST', '/keys/rotate', {});
      await waitFor(async () => !(await s.daemon.api('GET', '/keys')).rewrap.left, { what: 'the re-wrapping' });
    }
    going = false;
    await load;
    assert.deepEqual([...statuses], [200]);
    await s.daemon.stop();
    const { out } = await run('sqlite3', [join(s.daemon.data, 'state', 'state.db'),
      'SELECT hex(substr(access, 3, 4)) FROM connections UNION SELECT hex(substr(refresh, 3, 4)) FROM connections '
      + 'UNION SELECT hex(substr(secret, 3, 4)) FROM clients']);
    assert.equal(out.trim(), '00000004', 'every token and secret is sealed under the fourth key');
    await s.daemon.start();
    assert.equal((await s.ask()).status, 200);
  });

  test('a restart keeps users, vaults, connections and events', async (t) => {
    const s = await stage(t, {});
    const before = await s.daemon.settledEvents();
    await s.daemon.stop();
    await s.daemon.start();
    assert.equal((await s.ask()).status, 200);
    const after = await s.daemon.settledEvents();
    assert.deepEqual(after.slice(0, before.length).map((e) => e.seq), before.map((e) => e.seq));
  });

  test('a backup restored elsewhere serves, and what could be used once before is dead', async (t) => {
    const s = await stage(t, {});
    const { url } = await s.daemon.api('POST', '/connections/start', { user: s.user, service: s.service });
    const backup = join(s.daemon.dir, 'backup');
    await s.daemon.cli(['backup', 'create', '--into', backup]);
    await s.daemon.stop();
    const data = join(s.daemon.dir, 'restored');
    const restored = await run(binary, ['backup', 'restore', '--from', backup, '--data', data,
      '--key-file', join(s.daemon.dir, 'unseal.key')], { env: s.daemon.env });
    assert.equal(restored.code, 0, restored.err);
    s.daemon.args[s.daemon.args.indexOf('--data') + 1] = data;
    s.daemon.data = data;
    await s.daemon.start();
    assert.equal((await s.ask()).status, 200);
    await assert.rejects(openLink(new Jar(), url), 'a link from before the backup is dead');
  });

  test('the log as it is verifies; changed, it does not', async (t) => {
    const s = await stage(t, {});
    for (let i = 0; i < 5; i++) await s.ask();
    const verify = (data) => run(binary, ['audit', 'verify', '--data', data], { env: s.daemon.env });
    const good = await verify(s.daemon.data);
    assert.equal(good.code, 0, good.err + good.out);
    await s.daemon.stop();
    const copy = join(s.daemon.dir, 'copy');
    mkdirSync(copy);
    cpSync(s.daemon.data, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
    assert.equal((await verify(copy)).code, 0, 'a copy verifies');
    flip(join(copy, 'log'));
    const bad = await verify(copy);
    assert.notEqual(bad.code, 0, bad.out);
  });

  test('bad files are refused with file, line and reason', async (t) => {
    const s = await stage(t, { connected: false });
    const bad = join(s.daemon.dir, 'bad.yaml');
    writeFileSync(bad, 'id: bad\nname: Bad\noauth:\n  authorize_url: javascript:alert(1)\n');
    const service = await s.daemon.cli(['service', 'check', bad], { fails: true });
    assert.notEqual(service.code, 0);
    assert.match(service.err + service.out, /bad\.yaml:4: /);
    const answer = await s.daemon.raw('POST', '/services', readFileSync(bad, 'utf8'), { type: 'text/yaml' });
    assert.equal(answer.status, 400);
    assert.match(answer.headers.get('content-type'), /application\/problem\+json/);
    assert.match(await answer.text(), /:4: /);
    const policy = await s.daemon.raw('POST', '/vaults', {
      user: s.user, name: 'x', policy: 'name: x\nservices:\n  notes:\n    exchange: {effect: perhaps}\n',
    });
    assert.equal(policy.status, 400);
    assert.match(await policy.text(), /:4: /);
    for (const [text, says] of [
      ['name: x\nservices:\n  notes:\n    exchange: {effect: allow}\nowner: me\n', /policy:5: unknown key 'owner'/],
      ['name: x\nservices:\n  nots: {}\n', /policy:3: there is no service 'nots'/],
      ['name: x\nservices:\n  notes:\n    tools: {nots.get: allow}\n', /policy:4: .*no tool 'nots.get'/],
      ['name: x\nservices:\n  notes:\n    tools: {nots.*: allow}\n', /policy:4: no tool of .* begins with 'nots.'/],
      ['name: x\nservices:\n  notes:\n    default: {effect: allow, when: [{time: "08:00-09:00 Mars/Base"}]}\n',
        /policy:4: there is no such time zone/],
      ['name: x\nservices:\n  notes:\n    default: {effect: allow, when: [{body: secret}]}\n', /policy:4: a condition is about one of/],
    ]) {
      const wrong = await s.daemon.raw('POST', '/vaults', { user: s.user, name: 'x', policy: text });
      assert.equal(wrong.status, 400, text);
      assert.match((await wrong.json()).detail, says);
    }
    const zoned = await s.daemon.raw('POST', '/vaults', { user: s.user, name: 'zoned',
      policy: 'name: x\nservices:\n  notes:\n    default: {effect: allow, when: [{time: "Mon-Fri 08:00-18:00 Europe/Berlin"}]}\n' });
    assert.equal(zoned.status, 201, await zoned.clone().text());
    const config = join(s.daemon.dir, 'config.yaml');
    writeFileSync(config, 'listen: [127.0.0.1:7070]\nlisten_twice: yes\n');
    const serve = await run(binary, ['serve', '--data', s.daemon.data, '--config', config], { env: s.daemon.env });
    assert.notEqual(serve.code, 0);
    assert.match(serve.err, /config\.yaml:2: /);
  });

  test('an unknown member, an unknown id and a missing token are told apart', async (t) => {
    const daemon = await startDaemon(t);
    const member = await daemon.raw('POST', '/users', { subject: 'x', shoe_size: 4 });
    assert.equal(member.status, 400);
    assert.equal((await member.json()).code, 'unknown_field');
    const missing = await daemon.raw('GET', '/vaults/vault_00000000000000000000000000');
    assert.equal(missing.status, 404);
    for (const token of [null, 'x', 'vk_admin_0']) {
      const answer = await daemon.raw('GET', '/users', undefined, { token });
      assert.equal(answer.status, 401, String(token));
      const problem = await answer.json();
      for (const name of ['title', 'status', 'code', 'mend']) assert.ok(problem[name], name);
    }
  });

  test('MIST-11 I7 one tenant sees nothing of another', async (t) => {
    const s = await stage(t, {});
    await s.daemon.api('POST', '/tenants', { name: 'other' });
    const as = { headers: { 'valetkey-tenant': 'other' } };
    assert.deepEqual((await s.daemon.api('GET', '/users', undefined, as)).items, []);
    const theirs = await s.daemon.raw('GET', `/vaults/${s.vault.id}`, undefined, as);
    const nobodys = await s.daemon.raw('GET', '/vaults/vault_01000000000000000000000000', undefined, as);
    assert.equal(theirs.status, 404);
    assert.equal(nobodys.status, 404);
    assert.equal(await theirs.text(), await nobodys.text());
    assert.equal((await s.ask()).status, 200);
    const ours = await s.daemon.settledEvents(`&vault=${s.vault.id}`);
    assert.ok(ours.some((e) => e.kind === 'exchange'), 'there is something to see');
    for (const query of ['', '&kind=exchange', `&vault=${s.vault.id}`]) {
      const { items } = await s.daemon.api('GET', `/events?order=asc&limit=500${query}`, undefined, as);
      assert.deepEqual(items.filter((e) => e.vault || ours.some((one) => one.seq === e.seq)), [], query);
    }
  });

  test('F-08 the disk is full: nothing is lent, 503, and it recovers by itself', async (t) => {
    const dir = folder(null);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', dir]).catch((error) => ({ code: 1, err: String(error) }));
    atEnd(t, async () => {
      if (mounted.code === 0) await run('umount', ['-l', dir]);
      rmSync(dir, { recursive: true, force: true });
    });
    if (mounted.code !== 0) return t.skip(`a small disk cannot be made here: ${mounted.err.trim()}`);
    const s = await stage(t, { dir });
    assert.equal((await s.ask()).status, 200);
    const filler = join(dir, 'filler');
    const filled = await run('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4096']);
    assert.notEqual(filled.code, 0, 'the disk is full');
    const refused = await waitFor(async () => {
      const answer = await s.ask();
      return answer.status !== 200 && answer;
    }, { what: 'a refusal', ms: 20000, every: 1 });
    assert.equal(refused.status, 503, refused.text);
    assert.equal(refused.body?.access_token, undefined);
    await run('rm', [filler]);
    await waitFor(async () => (await s.ask()).status === 200, { what: 'recovery', ms: 15000, every: 100 });
    const verified = await s.daemon.cli(['audit', 'verify'], { fails: true });
    assert.equal(verified.code, 0, verified.err + verified.out);
    return undefined;
  });

  test('several accounts of one service: the default serves, another is named', async (t) => {
    const { connect } = await import('../lib/consent.mjs');
    const s = await stage(t, {});
    const second = await connect(s.daemon, { user: s.user, service: s.service, account: 'grace', alias: 'work' });
    assert.notEqual(second.id, s.connection.id);
    const who = async (answer) => (await (await s.sandbox.me(answer.body.access_token)).json()).sub;
    const unclear = await s.ask();
    if (unclear.status === 200) assert.equal(await who(unclear), '1001');
    else assert.equal(unclear.body.error, 'invalid_target');
    assert.equal(await who(await s.ask({ connection: second.id })), '1002');
    assert.equal(await who(await s.ask({ connection: s.connection.id })), '1001');
    await s.daemon.api('POST', `/vaults/${s.vault.id}/bindings`, { service: s.service, alias: 'work', connection: second.id, default: true });
    assert.equal(await who(await s.ask()), '1002');
  });

  test('scopes can be added later; connecting again keeps the account', async (t) => {
    const { connect } = await import('../lib/consent.mjs');
    const s = await stage(t, { connected: false });
    const narrow = await connect(s.daemon, { user: s.user, service: s.service, scopes: ['notes.read'], account: 'ada' });
    assert.deepEqual(narrow.scopes, ['notes.read']);
    await connect(s.daemon, {
      user: s.user, service: s.service, scopes: ['notes.read', 'notes.write'], account: 'ada', connection: narrow.id,
    });
    const list = (await s.daemon.list(`/connections?user=${s.user}`)).filter((c) => c.state === 'connected');
    assert.equal(list.length, 1, 'the same account is the same connection');
    assert.deepEqual([...list[0].scopes].sort(), ['notes.read', 'notes.write']);
    const vault = await makeVault(s.daemon, { user: s.user, name: 'W', services: { notes: ['notes.write'] }, create: false });
    assert.equal((await s.daemon.exchange(vault.token, 'notes')).body.scope, 'notes.write');
  });
});
