// SPDX-License-Identifier: Apache-2.0
// A call that a person decides: bound to its bytes, decided once, carried out once.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { waitFor } from '../lib/process.mjs';

test('approvals', async (t) => {
  const s = await acmeStage(t);

  await t.test('an allowed call is made with the token that the agent never sees', async () => {
    s.upstream.answer = () => ({ body: { items: [{ id: 12345678901234567890n.toString(), title: 'a', secret: 1, user: { login: 'bo' } }] } });
    const { status, body } = await s.call('notes.list', { folder: 'in box', limit: 5 });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.structured, [{ id: '12345678901234567890', title: 'a', author: 'bo' }]);
    assert.equal(body.is_error, false);
    const [seen] = s.upstream.seen;
    assert.equal(seen.url, '/folders/in%20box/notes?limit=5');
    assert.match(seen.headers.authorization, /^Bearer /);
    assert.ok(!JSON.stringify(body).includes(seen.headers.authorization.slice(7)));
  });

  await t.test('what needs a person waits, and exactly the approved bytes are sent, once', async () => {
    s.upstream.seen.length = 0;
    s.upstream.answer = () => ({ status: 201, body: { id: 7 } });
    const args = '{"text": "h\\u00e9llo\\n", "to":"bo",  "amount": 10.50000000000000000001}';
    const held = await s.raw(`{"service":"acme","tool":"notes.send","arguments":${args},"reason":"because"}`);
    assert.equal(held.status, 202, held.text);
    assert.equal(s.upstream.seen.length, 0);
    const shown = await s.show(held.body.approval);
    assert.equal(shown.state, 'pending');
    assert.ok(shown.card.includes('"amount": 10.50000000000000000001'), shown.card);
    assert.ok(shown.card.indexOf('because') > shown.card.indexOf('The arguments'), 'the agent speaks last');
    assert.equal((await s.approve(held.body.approval)).status, 200);
    const done = await s.outcome(held.body.approval, { wait: true });
    assert.equal(done.status, 200, done.text);
    assert.deepEqual(done.body.structured, { id: 7 });
    assert.equal(s.upstream.seen.length, 1);
    assert.equal(s.upstream.seen[0].body, '{"to":"bo","text":"h\\u00e9llo\\n","amount":10.50000000000000000001}');
    assert.equal((await s.show(held.body.approval)).outcome, 'ok');
  });
});
