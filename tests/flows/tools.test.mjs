// SPDX-License-Identifier: Apache-2.0
// Every tool of the four services that the sandbox imitates, called by an agent as it is in the catalogue: the answer
// is the projection, and what was written is there when it is read.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { services } from '../contracts/catalogue.mjs';
import { connect } from '../lib/consent.mjs';
import { startDemo } from '../lib/demo.mjs';

const repo = { owner: 'sandbox', repo: 'engine' };
const mail = { to: 'grace@sandbox.invalid', subject: 'Größe of the mill', text: 'Two lines,\nto be kept.' };
const document = { type: 'doc', version: 1, content: [] };

/* Tool, arguments, and what its answer must be; in this order. */
const walks = {
  github: [
    ['user.get', {}, (a) => assert.deepEqual(a, { id: 1001, login: 'ada', name: 'Ada Sandbox', email: 'ada@sandbox.invalid' })],
    ['repos.list', { visibility: 'all', per_page: 10 }, (a) => assert.equal(a.length, 2)],
    ['repos.get', repo, (a) => assert.deepEqual([a.full_name, a.private], ['sandbox/engine', true])],
    ['repos.contents', { ...repo, path: 'docs/README.md' }, (a) => assert.equal(a.sha, 'sandbox1')],
    ['repos.put_contents', { ...repo, path: 'docs/README.md', message: 'Turn it twice', content: 'VHdpY2UuCg==' },
      (a) => assert.deepEqual([a.path, a.sha], ['docs/README.md', a.commit])],
    ['repos.contents', { ...repo, path: 'docs/README.md' }, (a) => assert.equal(a.content, 'VHdpY2UuCg==')],
    ['commits.list', { ...repo, since: '2026-11-01T00:00:00Z' }, (a) => assert.equal(a[0].message, 'Turn it twice')],
    ['issues.create', { ...repo, title: 'A "new" one', body: 'With\nlines', labels: ['bug'] }, (a) => assert.equal(a.number, 3)],
    ['issues.get', { ...repo, number: 3 }, (a) => assert.deepEqual([a.title, a.body, a.author], ['A "new" one', 'With\nlines', 'ada'])],
    ['issues.comment', { ...repo, number: 3, body: 'Seen.' }, (a) => assert.ok(a.id > 0)],
    ['issues.comments', { ...repo, number: 3 }, (a) => assert.deepEqual([a[0].body, a[0].author], ['Seen.', 'ada'])],
    ['issues.close', { ...repo, number: 3, reason: 'completed' }, (a) => assert.equal(a.state, 'closed')],
    ['issues.list', { ...repo, state: 'open' }, (a) => assert.deepEqual(a.map((i) => i.number), [1, 2])],
    ['issues.assigned', {}, (a) => assert.equal(a.length, 3)],
    ['issues.search', { query: 'mill' }, (a) => assert.deepEqual([a.total_count, a.items[0].number], [1, 1])],
    ['pulls.list', { ...repo, state: 'open' }, (a) => assert.deepEqual(a.map((p) => [p.number, p.from, p.into]), [[3, 'carry', 'main']])],
    ['pulls.get', { ...repo, number: 3 }, (a) => assert.equal(a.head, 'sandbox2')],
    ['pulls.merge', { ...repo, number: 3, method: 'squash', sha: 'sandbox2' }, (a) => assert.equal(a.merged, true)],
    ['notifications.list', { participating: true }, (a) => assert.equal(a[0].repository, 'sandbox/engine')],
    ['repos.delete', repo, () => {}],
    ['repos.list', {}, (a) => assert.deepEqual(a.map((r) => r.full_name), ['sandbox/compiler'])],
  ],
  slack: [
    ['channels.list', {}, (a) => assert.deepEqual(a.items.map((c) => c.name), ['general', 'engine'])],
    ['channels.get', { channel: 'C1' }, (a) => assert.deepEqual([a.name, a.is_private], ['general', false])],
    ['channels.history', { channel: 'C1' }, (a) => assert.equal(a.items[0].text, 'Good morning')],
    ['chat.post', { channel: 'C2', text: 'It <runs> & turns' }, (a) => assert.equal(a.channel, 'C2')],
    ['channels.history', { channel: 'C2', limit: 10 }, (a) => assert.equal(a.items[0].text, 'It <runs> & turns')],
    ['chat.post', { channel: 'C1', text: 'To you too', thread_ts: '1700000000.000001' }, (a) => assert.ok(a.ts)],
    ['channels.replies', { channel: 'C1', ts: '1700000000.000001' },
      (a) => assert.deepEqual(a.items.map((m) => m.text), ['Good morning', 'To you too'])],
    ['reactions.add', { channel: 'C1', timestamp: '1700000000.000001', name: 'gear' }, (a) => assert.equal(a.ok, true)],
    ['dms.list', {}, (a) => assert.deepEqual(a.items, [{ id: 'D1', user: '1002' }])],
    ['dms.unread', { channel: 'D1' }, (a) => assert.deepEqual(a.items.map((m) => m.text), ['Did you see the moth?'])],
    ['users.list', {}, (a) => assert.deepEqual(a.items.map((u) => u.name), ['ada', 'grace', 'alan'])],
    ['channels.create', { name: 'mill' }, (a) => assert.equal(a.name, 'mill')],
    ['channels.rename', { channel: 'C2', name: 'motor' }, (a) => assert.equal(a.name, 'motor')],
    ['channels.archive', { channel: 'C2' }, (a) => assert.equal(a.ok, true)],
    ['channels.list', {}, (a) => assert.deepEqual(a.items.map((c) => c.name), ['general', 'mill'])],
  ],
  google: [
    ['messages.list', { query: 'drawings' }, (a) => assert.equal(a.items[0].id, 'mail-1')],
    ['messages.get', { id: 'mail-1', format: 'full' }, (a) => assert.equal(a.snippet, 'The drawings are ready.')],
    ['messages.send', mail, (a) => assert.deepEqual(a.labelIds, ['SENT'])],
    ['events.list', { days: 3 }, (a) => assert.equal(a.items[0].summary, 'Stand-up')],
    ['events.today', {}, (a) => assert.equal(a[0].summary, 'Stand-up')],
    ['events.create', { summary: 'Oil', start: '2027-01-02T10:00:00Z', end: '2027-01-02T10:30:00Z', attendees: [{ email: 'alan@sandbox.invalid' }] },
      (a, keep) => { keep.event = a.id; assert.equal(a.start.dateTime, '2027-01-02T10:00:00Z'); }],
    ['events.delete', (kept) => ({ id: kept.event }), () => {}],
    ['events.list', {}, (a) => assert.equal(a.items.length, 1)],
    ['files.list', { limit: 5 }, (a) => assert.equal(a.items[0].name, 'Notes.txt')],
    ['files.get', { id: 'file-1' }, (a) => assert.equal(a.mimeType, 'text/plain')],
    ['files.create', { name: 'Plans', type: 'application/vnd.google-apps.folder' }, (a) => assert.equal(a.name, 'Plans')],
  ],
  jira: [
    ['projects.list', {}, (a) => assert.deepEqual([a.total, a.items[0].key], [1, 'DEMO'])],
    ['projects.get', { project: 'DEMO' }, (a) => assert.equal(a.isPrivate, false)],
    ['issues.search', { jql: 'project = DEMO' }, (a) => assert.deepEqual([a.items[0].key, a.items[0].status], ['DEMO-1', 'To Do'])],
    ['issues.create', { project: 'DEMO', type: 'Task', summary: 'Mend the mill', description: document }, (a) => assert.equal(a.key, 'DEMO-2')],
    ['issues.transitions', { key: 'DEMO-2' }, (a) => assert.deepEqual(a.map((t) => t.to), ['To Do', 'In Progress', 'Done'])],
    ['issues.transition', { key: 'DEMO-2', transition: '31' }, () => {}],
    ['issues.comment', { key: 'DEMO-2', text: 'It turns.' }, (a) => assert.ok(a.id)],
    ['issues.comments', { key: 'DEMO-2' }, (a) => assert.equal(a.items[0].body.content[0].content[0].text, 'It turns.')],
    ['issues.get', { key: 'DEMO-2' }, (a) => assert.deepEqual([a.summary, a.status, a.type], ['Mend the mill', 'Done', 'Task'])],
  ],
};

test('every tool of the first four services', async (t) => {
  const { daemon } = await startDemo(t);
  const files = Object.fromEntries(services().map((file) => [file.id, file]));
  await daemon.api('POST', '/users', { subject: 'maker' });
  const rows = Object.keys(walks).map((id) => `  sandbox-${id}:\n    default: allow\n`);
  const vault = await daemon.api('POST', '/vaults', { user: 'maker', name: 'All', policy: `name: All\nservices:\n${rows.join('')}` });

  const raw = (path, options) => fetch(`${daemon.url}/proxy/${path}`, {
    ...options, headers: { authorization: `Bearer ${vault.token}`, ...options?.headers },
  });

  for (const [id, steps] of Object.entries(walks)) {
    const service = `sandbox-${id}`;
    const scopes = [...new Set(files[id].tools.flatMap((tool) => tool.scopes))];
    await connect(daemon, { user: 'maker', service, account: 'ada', scopes });
    const kept = {};
    for (const [tool, args, check] of steps)
      await t.test(`${id} ${tool}`, async () => {
        const answer = await daemon.raw('POST', '/calls', JSON.stringify({
          service, tool, arguments: typeof args === 'function' ? args(kept) : args,
        }), { token: vault.token });
        const text = await answer.text();
        assert.equal(answer.status, 200, text);
        const body = JSON.parse(text);
        assert.equal(body.is_error, false, text);
        check(body.structured, kept);
      });
    await t.test(`${id}: what each tool is checked against is shown`, async () => {
      const shown = await daemon.api('GET', `/services/${service}`);
      assert.deepEqual(shown.unverified, []);
      assert.deepEqual(shown.tools.map((tool) => tool.described), files[id].tools.map((tool) => tool.described));
    });
    await t.test(`${id}: no tool was left out`, () => {
      assert.deepEqual([...new Set(steps.map(([tool]) => tool))].sort(), files[id].tools.map(({ name }) => name).sort());
    });
  }

  await t.test('sent raw, as to the provider, a request is known as the tool that it is', async () => {
    const json = { 'content-type': 'application/json' };
    const last = (await daemon.settledEvents('&kind=call')).at(-1).seq;
    const read = await raw('sandbox-github/repos/sandbox/compiler');
    assert.equal(read.status, 200, await read.clone().text());
    assert.equal((await read.json()).full_name, 'sandbox/compiler');
    const posted = await raw('sandbox-slack/chat.postMessage', {
      method: 'POST', headers: json, body: JSON.stringify({ channel: 'C1', text: 'raw' }),
    });
    assert.equal((await posted.json()).ok, true);
    const moved = await raw('sandbox-jira/rest/api/3/issue/DEMO-1/transitions', {
      method: 'POST', headers: json, body: JSON.stringify({ transition: { id: '21' } }),
    });
    assert.equal(moved.status, 204);
    const other = await raw('sandbox-github/repos/sandbox/compiler/subscription', { method: 'PUT', headers: json, body: '{}' });
    assert.equal(other.status, 403, 'what no tool is, is refused');
    /* Outcomes may be written a little later; that something is to happen stands there before it does. */
    const before = (await daemon.settledEvents('&kind=call')).filter((event) => event.seq > last && event.outcome !== 'ok');
    assert.deepEqual(before.map((event) => [event.tool, event.outcome]),
      [['repos.get', 'intent'], ['chat.post', 'intent'], ['issues.transition', 'intent'], [undefined, 'denied']]);
  });
});
