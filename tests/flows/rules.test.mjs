// SPDX-License-Identifier: Apache-2.0
// Conditions and limits of a policy over calls of tools: what is approved costs when it is carried out.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';

const head = 'name: Test\nservices:\n  acme:\n    tools:\n';

test('rules over calls', async (t) => {
  const s = await acmeStage(t);
  const put = (text) => s.daemon.api('PUT', `/vaults/${s.vault.id}/policy`, text, { type: 'text/yaml' });
  const send = (args) => s.call('notes.send', { to: 'bo', text: 'x', ...args });

  await t.test('an approved call costs when it is carried out', async () => {
    await put(`${head}      notes.send: approve\nlimits:\n  - {per: tool, tool: acme.notes.*, rate: 1/2h}\n`);
    const before = s.upstream.writes().length;
    const first = await send({ amount: 1 });
    const second = await send({ amount: 2 });
    assert.deepEqual([first.status, second.status], [202, 202], first.text + second.text);
    assert.equal((await s.approve(first.body.approval)).status, 200);
    assert.equal((await s.outcome(first.body.approval, { wait: true })).status, 200);
    await s.approve(second.body.approval);
    const done = await s.outcome(second.body.approval, { wait: true });
    assert.match(done.text, /rate_limited|Too many/, done.text);
    assert.equal(s.upstream.writes().length, before + 1);
  });

  await t.test('an argument decides with every digit that was sent', async () => {
    await put(`${head}      notes.send: {effect: allow, when: [{arg: /to, in: [bo]}, {arg: /amount, lt: 10.5}], else: approve}\n`);
    const ask = (text) => s.raw(`{"service":"acme","tool":"notes.send","arguments":${text}}`);
    assert.equal((await ask('{"to":"bo","text":"x","amount":10.49999999999999999999}')).status, 200);
    assert.equal((await ask('{"to":"bo","text":"x","amount":10.50000000000000000000}')).status, 202);
    assert.equal((await ask('{"to":"eve","text":"x","amount":1}')).status, 202);
    assert.equal((await ask('{"to":"bo","text":"x"}')).status, 202, 'an argument that is absent does not hold');
    for (const item of (await s.daemon.list('/approvals')).filter((a) => a.state === 'pending')) await s.deny(item.id);
  });

  await t.test('a rate holds for calls that are allowed, and a refusal spends nothing', async () => {
    await put(`${head}      notes.list: allow\nlimits:\n  - {per: tool, tool: acme.notes.list, rate: 2/1h}\n`);
    assert.equal((await s.call('notes.list', { folder: 1 })).status, 400, 'arguments that do not fit cost nothing');
    assert.equal((await s.call('notes.list', { folder: 'a' })).status, 200);
    assert.equal((await s.call('notes.list', { folder: 'a' })).status, 200);
    const answer = await s.call('notes.list', { folder: 'a' });
    assert.equal(answer.status, 429, answer.text);
    assert.match(answer.text, /rate_limited/);
  });

  await t.test('a budget counts an argument', async () => {
    await put(`${head}      notes.send: allow\nlimits:\n  - {per: vault, tool: acme.notes.send, budget: 100/1d, arg: /amount}\n`);
    assert.equal((await send({ amount: 60 })).status, 200);
    assert.equal((await send({ amount: 41 })).status, 429);
    assert.equal((await send({ amount: 40 })).status, 200);
    assert.equal((await send({ amount: 0.5 })).status, 403, 'what cannot be added up is not permitted');
    assert.equal((await send({})).status, 403);
    assert.equal((await send({ amount: 101 })).status, 403, 'it will never fit');
  });

  await t.test('a replay counts each use once, also one that a person was asked about', async () => {
    await s.daemon.settledEvents();
    const file = join(s.daemon.dir, 'new.yaml');
    writeFileSync(file, `${head}      notes.list: allow\n`);
    const done = await s.daemon.cli(['vault', 'policy', 'replay', s.vault.id, '--file', file, '--since', '1h'], { json: true });
    const of = (kind, was) => done.changes.filter((c) => c.kind === kind && c.was === was && c.would === 'block')
      .reduce((n, c) => n + c.n, 0);
    assert.equal(of('approval_request', 'approve'), 2, JSON.stringify(done));
    assert.equal(of('approval_request', 'permitted'), 3, 'then it hung on the arguments');
    assert.equal(of('call', 'permitted'), 1);
    assert.ok(done.changes.every((c) => c.tool === 'notes.send'), JSON.stringify(done.changes));
  });
});

test('public or private, as the provider says', async (t) => {
  const s = await acmeStage(t);
  const file = s.file.replace('private: /private', 'private: {at: /kind, in: [secret]}');
  await s.daemon.api('POST', '/services', file, { type: 'text/yaml' });
  const kinds = { open: { body: { kind: 'open' } }, closed: { body: { kind: 'secret' } }, odd: { body: { kind: 5 } }, gone: { status: 404 } };
  s.upstream.answer = (got) => {
    const [, folder, notes] = /^\/folders\/([^/?]+)(\/notes)?/.exec(got.url) ?? [];
    return notes ? { body: { items: [] } } : kinds[folder] ?? { status: 500 };
  };
  const put = (rule, rest = '') => s.daemon.api('PUT', `/vaults/${s.vault.id}/policy`,
    `${head}      notes.list: ${rule}\n${rest}`, { type: 'text/yaml' });
  const call = (folder) => s.call('notes.list', { folder });
  const asked = (folder) => s.upstream.seen.filter((r) => r.url === `/folders/${folder}`).length;
  const raw = (folder) => fetch(`${s.daemon.url}/proxy/acme/folders/${folder}/notes`, {
    headers: { authorization: `Bearer ${s.vault.token}` },
  });

  await t.test('a call waits until the provider has said it', async () => {
    await put('{effect: allow, when: [{context: public}]}');
    const first = await call('open');
    assert.equal(first.status, 200, first.text);
    assert.equal(asked('open'), 1);
    assert.equal((await raw('open')).status, 200);
    assert.equal((await raw('open')).status, 200);
    assert.equal(asked('open'), 2, 'raw requests remember it for a minute');
    assert.equal((await call('closed')).status, 403);
    assert.equal((await raw('closed')).status, 403);
    assert.equal(s.upstream.seen.filter((r) => r.url.startsWith('/folders/closed/notes')).length, 0);
  });

  await t.test('what cannot be found out gets the stricter effect', async () => {
    assert.equal((await call('gone')).status, 403);
    assert.equal((await call('odd')).status, 403);
    assert.equal((await raw('else')).status, 403);
    await put('{effect: block, when: [{context: private}], else: allow}');
    assert.equal((await call('odd')).status, 403);
    assert.equal((await call('open')).status, 200);
    assert.equal((await call('closed')).status, 403);
    await put('{effect: allow, when: [{context: private}], else: approve}');
    assert.equal((await call('closed')).status, 200);
    assert.equal((await call('open')).status, 202);
  });

  await t.test('raw requests wait too, and each question is on record with its end', async () => {
    kinds.later = { body: { kind: 'open' } };
    await put('{effect: allow, when: [{context: public}]}');
    assert.equal((await raw('later')).status, 200);
    assert.equal(asked('later'), 1);
    const events = await s.daemon.settledEvents('&kind=context');
    const intents = events.filter((e) => e.outcome === 'intent');
    assert.equal(intents.length, s.upstream.seen.filter((r) => /^\/folders\/[^/]+$/.test(r.url)).length);
    for (const intent of intents) {
      assert.equal(events.filter((e) => e.ref === intent.event).length, 1);
      assert.equal(intent.vault, s.vault.id);
      assert.equal(intent.connection, s.connection.id);
    }
  });

  await t.test('who leaves while the provider is asked does no harm', async () => {
    await put('{effect: allow, when: [{context: public}]}');
    let answer;
    s.upstream.answer = (got) => (/\/notes/.test(got.url) ? { body: { items: [] } }
      : new Promise((done) => { answer = () => done({ body: { kind: 'open' } }); }));
    const leave = new AbortController();
    const gone = fetch(`${s.daemon.url}/api/v1/calls`, {
      method: 'POST', signal: leave.signal, headers: { authorization: `Bearer ${s.vault.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ service: 'acme', tool: 'notes.list', arguments: { folder: 'held' } }),
    }).catch((error) => error.name);
    while (!answer) await new Promise((r) => { setTimeout(r, 10); });
    leave.abort();
    assert.equal(await gone, 'AbortError');
    await new Promise((r) => { setTimeout(r, 300); });
    answer();
    s.upstream.answer = () => ({ body: { kind: 'open', items: [] } });
    await s.daemon.settledEvents();
    await new Promise((r) => { setTimeout(r, 300); });
    assert.equal((await call('held')).status, 200);
  });
});
