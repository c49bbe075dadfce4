// SPDX-License-Identifier: Apache-2.0
// A policy's life: template, draft, publish, rollback; explained, and replayed over what the log holds.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { notesFile } from '../lib/sandbox.mjs';
import { stage } from '../lib/stage.mjs';

const first = `name: First
expires: 4h
services:
  notes:
    exchange: {effect: allow}
    default: block
    tools:
      notes.get: allow
      notes.add:
        effect: approve
        when:
          - {arg: /title, in: [plan, diary]}
          - {arg: /size, lt: 9007199254740993}
        else: block
limits:
  - {per: tool, tool: notes.notes.*, rate: 5/1h}
`;

const tools = `tools:
  - name: notes.get
    title: Read a note
    says: Read one note by its number
    effect: read
    scopes: [notes.read]
    input: {type: object, required: [id], properties: {id: {type: integer}}, additionalProperties: false}
    request: {method: GET, path: "/notes/api/{id}"}
    summary: "Read note {id}"
  - name: notes.add
    title: Write a note
    says: Write a new note
    effect: write
    scopes: [notes.write]
    input: {type: object, required: [title], properties: {title: {type: string}, size: {type: integer}}, additionalProperties: false}
    request: {method: POST, path: /notes/api, body: {title: "{title}", size: "{size}"}}
    summary: "Write {title}"
`;

test('the life of a policy', async (t) => {
  const s = await stage(t);
  const { daemon, vault } = s;
  await daemon.api('POST', '/services', notesFile(s.sandbox.origin, { extra: tools }), { type: 'text/yaml' });
  const file = (name, text) => {
    const path = join(daemon.dir, name);
    writeFileSync(path, text);
    return path;
  };
  const text = first;
  const cli = (words, options) => daemon.cli(['vault', ...words], options);

  await t.test('a draft is checked, kept, and in force only once it is published', async () => {
    const bad = await cli(['policy', 'draft', vault.id, '--file', file('bad.yaml', 'name: x\nservices:\n  nots: {}\n')], { fails: true });
    assert.equal(bad.code, 1);
    assert.match(bad.err, /policy:3: there is no service 'nots'/);
    const none = await cli(['policy', 'publish', vault.id], { fails: true });
    assert.equal(none.code, 1);
    await cli(['policy', 'draft', vault.id, '--file', file('one.yaml', text)]);
    assert.equal((await cli(['policy', 'draft', vault.id])).out, text);
    assert.match((await cli(['policy', vault.id])).out, /name: Test/);
    const published = await cli(['policy', 'publish', vault.id], { json: true });
    assert.equal(published.version, 2);
    assert.equal((await cli(['policy', vault.id])).out, text);
    assert.equal((await cli(['policy', 'draft', vault.id], { fails: true })).code, 1, 'it is a draft no more');
  });

  await t.test('a draft written before another version came into force is refused', async () => {
    await cli(['policy', 'draft', vault.id, '--file', file('stale.yaml', text.replace('First', 'Stale'))]);
    await cli(['import', vault.id, '--policy', file('three.yaml', text.replace('First', 'Third'))]);
    const answer = await daemon.raw('POST', `/vaults/${vault.id}/policy/publish`, {});
    assert.equal(answer.status, 409);
    assert.equal((await daemon.raw('DELETE', `/vaults/${vault.id}/policy/draft`)).status, 200);
    assert.equal((await daemon.raw('DELETE', `/vaults/${vault.id}/policy/draft`)).status, 404);
  });

  await t.test('going back publishes the old text as a new version, on record', async () => {
    const back = await cli(['policy', 'rollback', vault.id, '--version', '2'], { json: true });
    assert.equal(back.version, 4);
    assert.equal((await cli(['policy', vault.id])).out, text);
    assert.match((await cli(['policy', vault.id, '--version', '3'])).out, /name: Third/);
    for (const [version, status] of [[4, 409], [9, 404], [0, 400], ['x', 400]]) {
      const answer = await daemon.raw('POST', `/vaults/${vault.id}/policy/rollback`, { version });
      assert.equal(answer.status, status, `${version}`);
    }
    const { items } = await cli(['policy', 'versions', vault.id], { json: true });
    assert.deepEqual(items.map((i) => [i.version, i.in_force]), [[4, true], [3, false], [2, false], [1, false]]);
    const events = (await daemon.settledEvents('&kind=vault_policy')).map((e) => e.policy);
    assert.deepEqual(events, [2, 3, 4]);
    const shown = await cli(['show', vault.id]);
    assert.match(shown.out, /time left\s+3 h 59 min/);
  });

  await t.test('explain says which rule decides, where it stands and why', async () => {
    const explain = (tool, args, more = []) => cli(['policy', 'explain', vault.id, tool,
      ...(args === undefined ? [] : [args]), ...more], { json: true });
    const allowed = await explain('notes.notes.get', '{"id":1}');
    assert.equal(allowed.effect, 'allow');
    assert.equal(allowed.rule, 'notes.get');
    assert.equal(allowed.at.line, 8);
    assert.equal(allowed.at.text, 'notes.get: allow');
    assert.deepEqual(allowed.limits.map((l) => [l.kind, l.per, l.max, l.spent, l.fits]), [['rate', 'tool', 5, 0, true]]);
    const name = 'notes.notes.add';
    assert.equal((await explain(name, '{"title":"plan","size":9007199254740992}')).effect, 'approve');
    const exact = await explain(name, '{"title":"plan","size":9007199254740993}');
    assert.equal(exact.effect, 'block', 'numbers are compared with every digit');
    assert.equal(exact.condition.line, 13);
    const other = await explain(name, '{"title":"x","size":1}');
    assert.equal(other.effect, 'block');
    assert.equal(other.condition.text, '- {arg: /title, in: [plan, diary]}');
    assert.equal(other.by_else, true);
    const unknown = await explain(name);
    assert.equal(unknown.unsure, true);
    assert.equal(unknown.effect, 'block');
    assert.equal(unknown.listed, true);
    assert.equal((await explain('notes', undefined, ['--effect', 'read'])).rule, 'proxy');
    const words = await cli(['policy', 'explain', vault.id, name, '{"title":"x","size":1}']);
    assert.match(words.out, /condition, line 12: - \{arg: \/title/);
    for (const [tool, args] of [['notes.notes.git', '{}'], ['nots.a.b', '{}'], ['notes.notes.get', '[1]'], ['notes.notes.get', '{"a":']]) {
      assert.equal((await cli(['policy', 'explain', vault.id, tool, args], { fails: true })).code, 1, tool);
    }
  });

  await t.test('replay says what would have been decided differently, and what cannot be known', async () => {
    for (let i = 0; i < 3; i++) assert.equal((await s.ask()).status, 200);
    await daemon.settledEvents();
    const replay = (policy, since = '1d') => cli(['policy', 'replay', vault.id, '--file', file('new.yaml', policy), '--since', since], { json: true });
    const same = await replay(text);
    assert.equal(same.uses, 3);
    assert.equal(same.different, 0);
    const closed = await replay(text.replace('exchange: {effect: allow}', 'exchange: {effect: block}'));
    assert.equal(closed.different, 3);
    assert.deepEqual(closed.changes.map((c) => [c.kind, c.service, c.was, c.would, c.n]), [['exchange', 'notes', 'allow', 'block', 3]]);
    const networks = await replay(text + 'networks: [10.0.0.0/8]\n');
    assert.equal(networks.different, 0);
    assert.equal(networks.unknown, 3, 'the log holds a pseudonym of the address');
    const before = await replay(text, '2020-01-01T00:00:00Z');
    assert.equal(before.uses, 3);
    const words = await cli(['policy', 'replay', vault.id, '--file', file('new.yaml', text), '--since', '7d']);
    assert.match(words.out, /3 uses in the log: 0 would be decided differently/);
    const bad = await cli(['policy', 'replay', vault.id, '--file', file('bad.yaml', 'name: x\n'), '--since', '7d'], { fails: true });
    assert.match(bad.err, /policy:1: /);
    assert.equal((await daemon.settledEvents('&kind=exchange')).length, 3, 'a replay leaves nothing behind');
  });

  await t.test('a replay goes through the log page by page', async () => {
    const answers = await Promise.all(Array.from({ length: 600 }, () => s.ask()));
    assert.ok(answers.every((a) => a.status === 200));
    await daemon.settledEvents();
    const all = await cli(['policy', 'replay', vault.id, '--file', file('new.yaml', text.replace('effect: allow}', 'effect: block}')), '--since', '1d'], { json: true });
    assert.equal(all.uses, 603);
    assert.deepEqual(all.changes.map((c) => c.n), [603]);
  });

  await t.test('a template is a whole policy without ids, and travels to another vault', async () => {
    const out = join(daemon.dir, 'template.yaml');
    await cli(['template', '--preset', 'standard', '--service', 'notes', '--service', 'github', '--output', out]);
    const template = readFileSync(out, 'utf8');
    assert.match(template, /repos\.delete: block/);
    assert.match(template, /pulls\.merge: step_up/);
    const made = await cli(['create', '--user', s.user, '--name', 'Second', '--policy', out], { json: true });
    const exported = (await cli(['export', made.id])).out;
    assert.equal(exported, template);
    assert.doesNotMatch(exported, /vault_|vk_|conn_/);
    await cli(['import', vault.id, '--policy', out]);
    assert.equal((await cli(['policy', vault.id])).out, template);
    assert.equal((await cli(['template', '--preset', 'open', '--service', 'notes'], { fails: true })).code, 1);
    assert.equal((await cli(['template', '--preset', 'standard', '--service', 'nots'], { fails: true })).code, 1);
    const { items } = await daemon.api('GET', '/templates');
    assert.deepEqual(items.map((i) => i.name), ['read-only', 'standard', 'cautious']);
  });

  await t.test("another tenant's vault is no vault", async () => {
    await daemon.api('POST', '/tenants', { name: 'other' });
    const headers = { 'Valetkey-Tenant': 'other' };
    for (const [method, path, body] of [
      ['GET', '/policy/versions'], ['GET', '/policy/versions/1'], ['GET', '/policy/draft'], ['DELETE', '/policy/draft'],
      ['POST', '/policy/publish', {}], ['POST', '/policy/rollback', { version: 1 }], ['POST', '/policy/explain', { tool: 'notes.notes.get' }],
    ]) {
      const answer = await daemon.raw(method, `/vaults/${vault.id}${path}`, body, { headers });
      assert.equal(answer.status, 404, `${method} ${path}`);
    }
    for (const path of ['/policy/draft', '/policy/replay?from=2020-01-01T00:00:00Z']) {
      const answer = await daemon.raw(path.includes('replay') ? 'POST' : 'PUT', `/vaults/${vault.id}${path}`, text, { type: 'text/yaml', headers });
      assert.equal(answer.status, 404, path);
    }
  });
});
