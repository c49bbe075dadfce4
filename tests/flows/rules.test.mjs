// SPDX-License-Identifier: Apache-2.0
// Conditions and limits of a policy over calls of tools: what is approved costs when it is carried out.
import assert from 'node:assert/strict';
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
});
