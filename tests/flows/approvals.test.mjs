// SPDX-License-Identifier: Apache-2.0
// A call that a person decides: bound to its bytes, decided once, carried out once, and said as it went.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { acmePolicy, acmeStage } from '../lib/acme.mjs';
import { connect } from '../lib/consent.mjs';
import { sleep, waitFor } from '../lib/process.mjs';

const canary = 'canary-words-of-the-agent';

/** RFC 6238, written down once more by somebody else. */
function totp(secret, step = Math.floor(Date.now() / 30000)) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((c) => letters.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const hash = createHmac('sha1', key).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

test('approvals', async (t) => {
  const s = await acmeStage(t);
  const fresh = async (answer = () => ({ status: 201, body: { id: 7 } }), policy) => {
    s.vault = await s.newVault(policy);
    s.upstream.seen.length = 0;
    s.upstream.answer = answer;
  };
  const send = (to, text = 'hello', more) => s.call('notes.send', { to, text }, more);

  await t.test('an allowed call is made with the token that the agent never sees', async () => {
    s.upstream.answer = () => ({ body: { items: [{ id: '1', title: 'a', secret: 1, user: { login: 'bo' } }] } });
    const { status, body } = await s.call('notes.list', { folder: 'in box', limit: 5 });
    assert.equal(status, 200, JSON.stringify(body));
    assert.deepEqual(body.structured, [{ id: '1', title: 'a', author: 'bo' }]);
    assert.equal(body.is_error, false);
    const [seen] = s.upstream.seen;
    assert.equal(seen.url, '/folders/in%20box/notes?limit=5');
    assert.match(seen.headers.authorization, /^Bearer /);
    assert.ok(!JSON.stringify(body).includes(seen.headers.authorization.slice(7)));
  });

  await t.test('what needs a person waits, and exactly the approved bytes are sent, once', async () => {
    await fresh();
    const args = '{"text": "h\\u00e9llo\\n", "to":"bo",  "amount": 10.50000000000000000001}';
    const held = await s.raw(`{"service":"acme","tool":"notes.send","arguments":${args},"reason":"${canary}"}`);
    assert.equal(held.status, 202, held.text);
    assert.equal(s.upstream.seen.length, 0);
    const shown = await s.show(held.body.approval);
    assert.equal(shown.state, 'pending');
    assert.ok(shown.card.includes('"amount": 10.50000000000000000001'), shown.card);
    assert.ok(shown.card.indexOf(canary) > shown.card.indexOf('The arguments'), 'the agent speaks last');
    const object = JSON.parse(shown.object);
    assert.equal(object.arguments, createHash('sha256').update(args).digest('hex'), 'bound to the very bytes');
    assert.deepEqual(Object.keys(object), Object.keys(object).sort());
    assert.ok(shown.card.includes(createHash('sha256').update(`valetkey approval 1\0${shown.object}`).digest('hex')));
    assert.equal((await s.approve(held.body.approval)).status, 200);
    const done = await s.outcome(held.body.approval, { wait: true });
    assert.equal(done.status, 200, done.text);
    assert.deepEqual(done.body.structured, { id: 7 });
    assert.equal(s.upstream.seen.length, 1);
    assert.equal(s.upstream.seen[0].body, '{"to":"bo","text":"h\\u00e9llo\\n","amount":10.50000000000000000001}');
    assert.equal((await s.show(held.body.approval)).outcome, 'ok');
  });

  await t.test('nothing that the agent or the provider said lies readable in the database', async () => {
    for (const file of ['state.db', 'state.db-wal']) {
      const bytes = readFileSync(join(s.daemon.data, 'state', file));
      assert.ok(!bytes.includes(canary) && !bytes.includes('10.50000000000000000001'), file);
    }
  });

  await t.test('MIST-02 a yes to one call is no yes to another of the same tool', async () => {
    await fresh();
    const one = await send('bo');
    const other = await send('eve');
    const reordered = await s.raw('{"service":"acme","tool":"notes.send","arguments":{"text":"hello","to":"bo"}}');
    assert.equal(new Set([one, other, reordered].map((a) => a.body.approval)).size, 3);
    await s.approve(one.body.approval);
    await s.settled(one.body.approval);
    assert.deepEqual(s.upstream.seen.map((r) => JSON.parse(r.body).to), ['bo']);
    assert.equal((await s.show(other.body.approval)).state, 'pending');
    assert.equal((await s.show(reordered.body.approval)).state, 'pending');
  });

  await t.test('a repeat joins, each gets the result, and later it is a new request', async () => {
    await fresh();
    const held = await Promise.all(Array.from({ length: 20 }, () => send('bo')));
    assert.equal(new Set(held.map((h) => h.body.approval)).size, 1);
    const id = held[0].body.approval;
    const waiting = Array.from({ length: 10 }, () => s.outcome(id, { wait: true }));
    const blocking = send('bo', 'hello', { wait: true });
    await sleep(100);
    await s.approve(id);
    for (const done of [...await Promise.all(waiting), await blocking]) assert.deepEqual(done.body.structured, { id: 7 });
    assert.equal(s.upstream.seen.length, 1);
    assert.equal((await s.outcome(id)).status, 200, 'who lost the answer asks again');
    const again = await send('bo');
    assert.equal(again.status, 202);
    assert.notEqual(again.body.approval, id);
    assert.equal(s.upstream.seen.length, 1);
  });

  await t.test('MIST-03 fifty decide at once: one decision, and it happens once', async () => {
    await fresh();
    const { body } = await send('bo');
    const all = await Promise.all(Array.from({ length: 50 }, () => s.approve(body.approval)));
    assert.equal(all.filter((a) => a.status === 200).length, 1);
    assert.ok(all.every((a) => a.status === 200 || a.body.code === 'used'), JSON.stringify(all.map((a) => a.body?.code)));
    await s.settled(body.approval);
    await sleep(100);
    assert.equal(s.upstream.seen.length, 1);
  });

  await t.test('fifty approve and deny at once: the first decision wins over all', async () => {
    await fresh();
    const { body } = await send('bo');
    const all = await Promise.all(Array.from({ length: 50 }, (_, i) => (i % 2 ? s.approve : s.deny)(body.approval)));
    assert.equal(all.filter((a) => a.status === 200).length, 1);
    const shown = await s.settled(body.approval);
    await sleep(100);
    assert.equal(s.upstream.seen.length, shown.state === 'executed' ? 1 : 0);
  });

  await t.test('a denial is told, cools down, and can pause the agent', async () => {
    await fresh();
    const { body } = await send('bo');
    assert.equal((await s.deny(body.approval)).status, 200);
    const told = await s.outcome(body.approval);
    assert.equal(told.status, 403);
    assert.equal(told.body.code, 'approval_denied');
    assert.equal((await send('bo')).body.code, 'approval_denied', 'the same again is denied still');
    const other = await send('eve');
    assert.equal(other.status, 429, other.text);
    assert.equal((await s.approve(body.approval)).body.code, 'approval_denied', 'a denial is final');
    assert.equal(s.upstream.seen.length, 0);

    await fresh();
    const next = await send('bo');
    assert.equal((await s.deny(next.body.approval, { pause_agent: true })).status, 200);
    assert.equal((await s.daemon.api('GET', `/vaults/${s.vault.id}`)).state, 'paused');
    assert.equal((await s.call('notes.list', { folder: 'a' })).body.code, 'access_paused');
  });

  await t.test('three may wait; a withdrawn one makes room, and cannot be approved', async () => {
    await fresh();
    const held = [await send('a'), await send('b'), await send('c')];
    assert.deepEqual(held.map((h) => h.status), [202, 202, 202]);
    assert.equal((await send('d')).status, 429);
    assert.equal((await send('a')).status, 202, 'a repeat is not a fourth');
    assert.equal((await s.withdraw(held[0].body.approval)).status, 204);
    assert.equal((await s.withdraw(held[0].body.approval)).status, 409);
    assert.equal((await s.approve(held[0].body.approval)).status, 409);
    assert.equal((await send('d')).status, 202);
    assert.equal(s.upstream.seen.length, 0);
  });

  await t.test('a client that left finds its result; another vault finds nothing', async () => {
    await fresh();
    const gone = new AbortController();
    fetch(`${s.daemon.url}/api/v1/calls`, {
      method: 'POST',
      signal: gone.signal,
      headers: { authorization: `Bearer ${s.vault.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ service: 'acme', tool: 'notes.send', arguments: { to: 'bo', text: 'left' }, wait: true }),
    }).catch(() => {});
    const [item] = await waitFor(async () => {
      const items = (await s.daemon.list('/approvals?state=pending')).filter((i) => i.vault === s.vault.id);
      return items.length > 0 && items;
    });
    gone.abort();
    await sleep(100);
    const stranger = await s.newVault();
    for (const answer of [await s.outcome(item.id, { token: stranger.token }), await s.withdraw(item.id, stranger.token)]) {
      assert.equal(answer.status, 404);
      assert.equal(answer.body.code, 'not_found');
    }
    await s.approve(item.id);
    await s.settled(item.id);
    const { body } = await s.outcome(item.id);
    assert.deepEqual(body.structured, { id: 7 });
  });

  await t.test('an agent cannot decide, and looking at one decides nothing', async () => {
    await fresh();
    const { body } = await send('bo');
    const { token } = s.vault;
    for (const how of ['approve', 'deny']) {
      assert.equal((await s.daemon.raw('POST', `/approvals/${body.approval}/${how}`, undefined, { token })).status, 401);
      assert.equal((await s.daemon.raw('GET', `/approvals/${body.approval}/${how}`)).status, 405);
      assert.equal((await s.daemon.raw('HEAD', `/approvals/${body.approval}/${how}`)).status, 405);
    }
    assert.equal((await s.daemon.raw('GET', '/approvals', undefined, { token })).status, 401);
    assert.equal((await s.show(body.approval)).state, 'pending');
  });

  await t.test('policy, account and tool are asked again after the yes', async () => {
    const changes = {
      policy: () => s.daemon.api('PUT', `/vaults/${s.vault.id}/policy`,
        acmePolicy.replace('notes.send: approve', 'notes.send: block'), { type: 'text/yaml' }),
      tool: () => s.daemon.api('POST', '/services', s.file.replace('Send a note to a person', 'Send a note to a friend'), { type: 'text/yaml' }),
      strictness: () => s.daemon.api('PUT', `/vaults/${s.vault.id}/policy`,
        acmePolicy.replace('notes.send: approve', 'notes.send: step_up'), { type: 'text/yaml' }),
    };
    for (const [what, change] of Object.entries(changes)) {
      await fresh();
      const { body } = await send(what);
      await change();
      assert.equal((await s.approve(body.approval)).status, 200);
      assert.equal((await s.settled(body.approval)).outcome, 'void', what);
      const told = await s.outcome(body.approval);
      assert.equal(told.body.code, 'approval_void', told.text);
      assert.equal(s.upstream.seen.length, 0);
    }
    await fresh();
    const { body } = await send('paused');
    await s.daemon.api('POST', `/connections/${s.connection.id}/pause`);
    await s.approve(body.approval);
    assert.equal((await s.settled(body.approval)).outcome, 'failed');
    assert.equal((await s.outcome(body.approval)).body.code, 'access_paused');
    await s.daemon.api('POST', `/connections/${s.connection.id}/resume`);
    assert.equal(s.upstream.seen.length, 0);
  });

  await t.test('a blocked tool is like one that does not exist, and bad arguments are told', async () => {
    await fresh(undefined, acmePolicy.replace('notes.delete: step_up', 'notes.delete: block'));
    const blocked = await s.call('notes.delete', { id: 1 });
    const absent = await s.call('notes.explode', { id: 1 });
    assert.equal(blocked.status, 404);
    assert.deepEqual(blocked.body, absent.body);
    for (const args of [{ to: 'bo' }, { to: 'bo', text: 'x', extra: 1 }, { to: '', text: 'x' }, { to: 5, text: 'x' }, []]) {
      const { status, body } = await s.call('notes.send', args);
      assert.equal(status, 400, JSON.stringify(args));
      assert.equal(body.code, 'invalid_arguments');
    }
    assert.equal((await s.raw('{"service":"acme","tool":"notes.send","arguments":{"to":"a","to":"b","text":"x"}}')).status, 400);
    assert.equal(s.upstream.seen.length, 0);
  });

  await t.test('what the provider answers is what is told and written down', async () => {
    await fresh((_, n) => [
      { status: 422, body: { message: 'text is too short' } },
      { status: 500, body: 'oops', type: 'text/plain' },
      { status: 204 },
    ][n - 1]);
    const told = [];
    for (const to of ['a', 'b', 'c']) {
      const { body } = await send(to);
      await s.approve(body.approval);
      told.push({ ...await s.settled(body.approval), ...(await s.outcome(body.approval)).body });
    }
    assert.deepEqual(told.map((x) => x.outcome), ['failed', 'unknown', 'ok']);
    assert.equal(told[0].is_error, true);
    assert.match(told[0].text, /422.*text is too short/);
    assert.match(told[1].detail ?? told[1].text, /not known/);
    const events = (await s.daemon.settledEvents(`&vault=${s.vault.id}`)).filter((e) => e.event === 'call' || e.kind === 'call');
    assert.deepEqual(events.map((e) => [e.outcome, e.status]),
      [['intent', undefined], ['failed', 422], ['intent', undefined], ['unknown', 500], ['intent', undefined], ['ok', 204]]);
  });

  await t.test('request, decision and execution are on record, each naming the approval', async () => {
    await fresh();
    const { body } = await send('bo');
    await s.approve(body.approval);
    await s.settled(body.approval);
    const object = body.approval.replace('approval_', 'obj_');
    const events = (await s.daemon.settledEvents(`&vault=${s.vault.id}`)).filter((e) => e.object === object);
    assert.deepEqual(events.map((e) => `${e.event ?? e.kind} ${e.outcome}`.replace(/^evt_\S+ /, '')).length, 4);
    const kinds = events.map((e) => e.kind);
    assert.deepEqual(kinds, ['approval_request', 'approval_approve', 'call', 'call']);
    assert.equal(events[1].detail, events[0].detail);
    assert.match(events[0].detail, /^[0-9a-f]{64}$/, "the digest of what was asked");
    assert.ok(events[1].actor, 'who decided');
  });

  await t.test('only the last step writes, with what the first one read', async () => {
    await fresh((r) => ({ body: r.method === 'GET' ? { rev: 41 } : { done: true } }));
    const { body } = await s.call('notes.replace', { id: 9, text: 'new' });
    assert.equal(s.upstream.seen.length, 0, 'nothing is read before the yes either');
    await s.approve(body.approval);
    await s.settled(body.approval);
    assert.deepEqual(s.upstream.seen.map((r) => `${r.method} ${r.url} ${r.body}`),
      ['GET /notes/9 ', 'PUT /notes/9 {"text":"new","rev":41}']);
  });

  await t.test('a credential that the provider sends back is masked', async () => {
    await fresh((r) => ({ body: { items: [{ id: 1, title: r.headers.authorization, user: { login: s.vault.token } }] } }));
    const { text } = await s.call('notes.list', { folder: 'a' });
    assert.ok(!text.includes(s.upstream.seen[0].headers.authorization.slice(7)), text);
    assert.ok(!text.includes(s.vault.token), text);
    assert.match(text, /\*{8}/);
  });

  await t.test('a refused token is seen to, and the call made once more, not twice', async () => {
    await fresh((_, n) => (n === 1 ? { status: 401, body: {} } : { status: 201, body: { id: 8 } }));
    const { body } = await send('bo');
    await s.approve(body.approval);
    await s.settled(body.approval);
    assert.deepEqual((await s.outcome(body.approval)).body.structured, { id: 8 });
    assert.equal(s.upstream.seen.length, 2);
    await fresh(() => ({ status: 401, body: { message: 'no' } }));
    const again = (await send('eve')).body.approval;
    await s.approve(again);
    assert.equal((await s.settled(again)).outcome, 'failed');
    assert.equal((await s.outcome(again)).body.code, 'reauth_required');
    assert.ok(s.upstream.seen.length <= 2);
  });

  await t.test('whether a folder is private is found out before the policy decides, and again after the yes', async () => {
    const policy = acmePolicy.replace('notes.list: allow',
      'notes.list:\n        effect: allow\n        when: [{context: public}]\n        else: approve');
    const about = { open: { private: false }, closed: { private: true }, odd: { private: 'perhaps' } };
    const notes = (r) => /^\/folders\/[^/]+$/.test(r.url)
      ? { status: about[r.url.slice(9)] ? 200 : 404, body: about[r.url.slice(9)] ?? {} }
      : { body: { items: [{ id: 1 }] } };
    await fresh(notes, policy);
    const seen = () => s.upstream.seen.map((r) => r.url);
    assert.equal((await s.call('notes.list', { folder: 'open' })).status, 200);
    assert.deepEqual(seen(), ['/folders/open', '/folders/open/notes']);
    const held = await s.call('notes.list', { folder: 'closed' });
    assert.equal(held.status, 202, held.text);
    assert.equal((await s.call('notes.list', { folder: 'odd' })).status, 202, 'what is not known is judged strictly');
    assert.equal((await s.call('notes.list', { folder: 'absent' })).status, 202);
    assert.ok(!seen().includes('/folders/closed/notes'));
    await s.approve(held.body.approval);
    assert.equal((await s.settled(held.body.approval)).outcome, 'ok');
    assert.deepEqual(seen().slice(-2), ['/folders/closed', '/folders/closed/notes']);
    await fresh(notes, policy.replace('else: approve', 'else: block'));
    const denied = await s.call('notes.list', { folder: 'closed' });
    assert.equal(denied.status, 403);
    assert.equal(denied.body.code, 'denied');
    assert.deepEqual(seen(), ['/folders/closed']);
  });

  await t.test('text for the person: nothing hidden, nothing cut', async () => {
    await fresh();
    const long = `${'x'.repeat(5000)}END`;
    const { body } = await s.call('notes.send', { to: 'a\u202eb\u200b\u0007', text: long }, { reason: 'do\u202e it\nuser        root' });
    const { card, summary, agent_says: says } = await s.show(body.approval);
    assert.ok(!/[\u202e\u200b\u0007]/.test(card + summary + says), card);
    assert.ok(card.includes('202E') || card.includes('202e'), card);
    assert.ok(card.includes(long), 'all of it');
    assert.ok(!/^user +root/m.test(card), 'no line of the card can be made up');
  });

  await t.test('the command line lists, shows, approves and denies', async () => {
    await fresh();
    const first = (await send('bo', 'via the terminal')).body.approval;
    const second = (await send('eve')).body.approval;
    const listed = await s.daemon.cli(['approval', 'list']);
    assert.ok(listed.out.includes(first) && listed.out.includes('via the terminal'), listed.out);
    const shown = await s.daemon.cli(['approval', 'show', first]);
    assert.match(shown.out, /"text":"via the terminal"/);
    assert.match(shown.out, /account {4}\S/);
    assert.equal((await s.daemon.cli(['approval', 'approve', first], { json: true })).state, 'approved');
    assert.equal((await s.settled(first)).outcome, 'ok');
    assert.equal((await s.daemon.cli(['approval', 'deny', second, '--pause-agent'], { json: true })).state, 'denied');
    assert.equal((await s.daemon.api('GET', `/vaults/${s.vault.id}`)).state, 'paused');
    const twice = await s.daemon.cli(['approval', 'approve', first], { fails: true });
    assert.notEqual(twice.code, 0);
  });
});

test('what an account cannot do is said before anybody is asked', async (t) => {
  const s = await acmeStage(t, { connected: false });
  const send = (more) => s.call('notes.send', { to: 'bo', text: 'x' }, more);

  await t.test('there is none', async () => {
    const { status, body } = await send();
    assert.equal(status, 400);
    assert.equal(body.code, 'not_connected');
  });

  await t.test('it has not granted the scopes that the tool needs', async () => {
    await connect(s.daemon, { user: 'ada', service: 'acme', account: 'ada', scopes: ['notes.read'] });
    const { body } = await send();
    assert.equal(body.code, 'insufficient_scope', JSON.stringify(body));
    assert.equal((await s.call('notes.list', { folder: 'a' })).status, 200);
  });

  await t.test('there are several, and the one that is named is used', async () => {
    const work = await connect(s.daemon, { user: 'ada', service: 'acme', account: 'grace', alias: 'work' });
    assert.equal((await send()).body.code, 'several_accounts');
    const held = await send({ account: work.id });
    assert.equal(held.status, 202, held.text);
    assert.equal((await s.show(held.body.approval)).connection, work.id);
    await s.approve(held.body.approval);
    assert.equal((await s.settled(held.body.approval)).outcome, 'ok');
  });
});

test('step-up', async (t) => {
  const s = await acmeStage(t, { answer: () => ({ status: 204 }) });
  let secret;
  const ask = async (id) => (await s.call('notes.delete', { id })).body.approval;

  await t.test('without an authenticator, or without a code, a yes is not enough', async () => {
    const id = await ask(1);
    assert.equal((await s.show(id)).step_up, true);
    assert.equal((await s.approve(id)).body.code, 'step_up_required');
    assert.equal((await s.approve(id, { code: '000000' })).body.code, 'step_up_required');
    const enrolled = await s.daemon.cli(['user', 'totp', 'ada'], { json: true });
    secret = enrolled.secret;
    assert.match(enrolled.uri, new RegExp(`^otpauth://totp/Valetkey:ada\\?secret=${secret}&`));
    assert.equal((await s.approve(id)).body.code, 'step_up_required');
    assert.equal(s.upstream.seen.length, 0);
  });

  await t.test('a right code decides, and is used up for every other decision', async () => {
    const one = await ask(1);
    const two = await ask(2);
    const code = totp(secret);
    const all = await Promise.all(Array.from({ length: 20 }, (_, i) => s.approve(i % 2 ? one : two, { code })));
    assert.equal(all.filter((a) => a.status === 200).length, 1, JSON.stringify(all.map((a) => a.body.code)));
    await waitFor(() => s.upstream.seen.length > 0);
    await sleep(100);
    assert.equal(s.upstream.seen.length, 1);
    const left = (await s.show(one)).state === 'pending' ? one : two;
    const older = await s.approve(left, { code: totp(secret, Math.floor(Date.now() / 30000) - 1) });
    assert.ok(['wrong_code', 'rate_limited'].includes(older.body.code), 'a step before the used one is not taken either');
  });

  await t.test('guesses are throttled, and a denial needs no code', async () => {
    const id = (await s.daemon.list('/approvals?state=pending'))[0].id;
    const codes = [];
    for (let i = 0; i < 8; i++) codes.push((await s.approve(id, { code: '000000' })).body.code);
    assert.equal(codes.at(-1), 'rate_limited');
    assert.equal((await s.deny(id)).status, 200);
    assert.equal(s.upstream.seen.length, 1);
  });
});
