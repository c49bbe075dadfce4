// SPDX-License-Identifier: Apache-2.0
// What an agent does all day, with GitHub's own client, against a policy that somebody wrote in two minutes.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { Octokit } from '@octokit/rest';

import { connect } from '../lib/consent.mjs';
import { startDemo } from '../lib/demo.mjs';

const rules = `name: Coding agent
services:
  sandbox-github:
    default: block
    tools:
      issues.list: allow
      issues.get: allow
      issues.comment: approve
      repos.*: block
`;

/* This client takes application/problem+json for text, and shows that. */
const refusal = async (promise) => {
  const error = await promise.then(() => assert.fail('it was let through'), (e) => e);
  const { data } = error.response;
  assert.match(error.message, /"mend":/);
  return { status: error.status, ...(typeof data === 'string' ? JSON.parse(data) : data) };
};

test('policy, proxy, explain, replay', async (t) => {
  const { daemon } = await startDemo(t);
  const file = (name, text) => {
    const path = join(daemon.dir, name);
    writeFileSync(path, text);
    return path;
  };
  await daemon.cli(['user', 'add', '--subject', 'ada']);
  await connect(daemon, { user: 'ada', service: 'sandbox-github', account: 'ada', scopes: ['repo'] });
  const vault = await daemon.cli(['vault', 'create', '--user', 'ada', '--name', 'Work', '--policy', file('rules.yaml', rules)], { json: true });
  const github = new Octokit({ baseUrl: `${daemon.url}/proxy/sandbox-github`, auth: vault.token, log: { debug() {}, info() {}, warn() {}, error() {} } });
  const at = { owner: 'sandbox', repo: 'engine' };

  await t.test("GitHub's own client reads issues with the vault's token", async () => {
    const { data, headers, status } = await github.rest.issues.listForRepo(at);
    assert.equal(status, 200);
    assert.ok(data.length > 0 && data.every((issue) => Number.isInteger(issue.number) && issue.title));
    assert.doesNotMatch(JSON.stringify([data, headers]), /sandbox-github-access-|vk_vault_/);
    const one = await github.rest.issues.get({ ...at, issue_number: data[0].number });
    assert.equal(one.data.title, data[0].title);
  });

  await t.test('what waits for a person says what to call, and what is blocked says so', async () => {
    const comment = await refusal(github.rest.issues.createComment({ ...at, issue_number: 1, body: 'hi' }));
    assert.equal(comment.status, 403);
    assert.equal(comment.code, 'approval_required');
    assert.deepEqual(comment.call, { service: 'sandbox-github', tool: 'issues.comment', arguments: { ...at, number: 1, body: 'hi' } });
    const gone = await refusal(github.rest.repos.delete(at));
    assert.deepEqual({ status: gone.status, code: gone.code }, { status: 403, code: 'denied' });
    const list = await refusal(github.rest.issues.listComments({ ...at, issue_number: 1 }));
    assert.equal(list.code, 'denied', 'no tool of the policy lists comments');
    const held = await daemon.raw('POST', '/calls', comment.call, { token: vault.token });
    const { approval } = await held.json();
    assert.equal(held.status, 202);
    await daemon.cli(['approval', 'approve', approval]);
    for (let i = 0; i < 50; i++) {
      const answer = await (await daemon.raw('GET', `/calls/${approval}`, undefined, { token: vault.token })).json();
      if (answer.state === 'done') return assert.equal(answer.is_error, false);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return assert.fail('the approved call did not end');
  });

  await t.test('the log has both, and the use before its outcome', async () => {
    const events = (await daemon.settledEvents('&kind=call')).map((e) => [e.tool, e.outcome]);
    const first = (tool, outcome) => events.findIndex((e) => e[0] === tool && e[1] === outcome);
    assert.ok(first('issues.list', 'intent') >= 0 && first('issues.list', 'intent') < first('issues.list', 'ok'), JSON.stringify(events));
    assert.ok(first('issues.comment', 'denied') >= 0);
    assert.ok(first('repos.delete', 'denied') >= 0);
    assert.ok(first('issues.comment', 'ok') > first('issues.comment', 'denied'));
  });

  await t.test('explain says which rule decides, and where it stands', async () => {
    const args = JSON.stringify({ ...at, number: 1, body: 'hi' });
    const { out } = await daemon.cli(['vault', 'policy', 'explain', vault.id, 'sandbox-github.issues.comment', args]);
    assert.match(out, /approve/);
    assert.match(out, /issues\.comment/);
    const line = rules.split('\n').findIndex((l) => l.includes('issues.comment')) + 1;
    assert.match(out, new RegExp(`\\b${line}\\b`), out);
    const blocked = await daemon.cli(['vault', 'policy', 'explain', vault.id, 'sandbox-github.repos.delete', JSON.stringify(at)]);
    assert.match(blocked.out, /block/);
    assert.match(blocked.out, /repos\.\*/);
  });

  await t.test('replay says what another policy would have decided otherwise over the last days', async () => {
    const other = file('other.yaml', rules.replace('issues.list: allow', 'issues.list: block').replace('issues.comment: approve', 'issues.comment: allow'));
    const told = await daemon.cli(['vault', 'policy', 'replay', vault.id, '--file', other, '--since', '7d']);
    assert.match(told.out, /issues\.list/);
    assert.match(told.out, /issues\.comment/);
    assert.doesNotMatch(told.out, /issues\.get\b/, 'decided alike');
    const same = await daemon.cli(['vault', 'policy', 'replay', vault.id, '--file', file('same.yaml', rules), '--since', '7d']);
    assert.doesNotMatch(same.out, /issues\./);
    assert.equal((await github.rest.issues.listForRepo(at)).status, 200, 'and changes nothing');
  });
});
