// SPDX-License-Identifier: Apache-2.0
// The official SDKs as clients of a vault: 1.x, and 2.x in both eras.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as ClientTwo, StreamableHTTPClientTransport as TransportTwo } from '@modelcontextprotocol/client';

import { acmeStage } from '../lib/acme.mjs';
import { Ends, waitFor } from '../lib/process.mjs';

const kinds = {
  'SDK 1.x': { Client: ClientOne, Transport: TransportOne },
  'SDK 2.x, as of 2025-11-25': { Client: ClientTwo, Transport: TransportTwo },
  'SDK 2.x, 2026-07-28': { Client: ClientTwo, Transport: TransportTwo, options: { versionNegotiation: { mode: 'auto' } } },
};

for (const [kind, { Client, Transport, options }] of Object.entries(kinds)) {
  describe(kind, () => {
    const ends = new Ends();
    let s;

    before(async () => { s = await acmeStage(ends); });
    after(() => ends.run());

    async function dial(vault = s.vault) {
      const transport = new Transport(new URL(vault.mcp_url), { requestInit: { headers: { authorization: `Bearer ${vault.token}` } } });
      const client = new Client({ name: 'test', version: '0' }, options);
      await client.connect(transport);
      ends.after(() => client.close());
      return client;
    }

    const pending = () => waitFor(async () => (await s.daemon.api('GET', '/approvals?state=pending')).items[0], { what: 'the approval' });

    test('lists what the policy shows and nothing else', async () => {
      const client = await dial(await s.newVault('name: Little\nservices:\n  acme:\n    default: block\n    tools: {notes.list: allow, notes.send: approve}\n'));
      const { tools } = await client.listTools();
      assert.deepEqual(tools.map((tool) => tool.name), ['acme_notes_list', 'acme_notes_send']);
      assert.equal(tools[0].annotations.readOnlyHint, true);
      assert.equal(tools[1].annotations.readOnlyHint, false);
      assert.deepEqual(tools[0].inputSchema.required, ['folder']);
      await assert.rejects(client.callTool({ name: 'acme_notes_delete', arguments: { id: 1 } }), /Unknown tool/);
      await assert.rejects(client.callTool({ name: 'acme_nothing', arguments: {} }), /Unknown tool/);
    });

    test('calls a tool with the token that it never sees', async () => {
      s.upstream.answer = () => ({ body: { items: [{ id: 1, title: 'a', user: { login: 'bo' } }] } });
      const client = await dial();
      const result = await client.callTool({ name: 'acme_notes_list', arguments: { folder: 'inbox' } });
      assert.ok(!result.isError, JSON.stringify(result));
      assert.match(result.content[0].text, /"bo"/);
      const seen = s.upstream.seen.at(-1);
      assert.match(seen.headers.authorization, /^Bearer /);
      assert.ok(!JSON.stringify(result).includes(seen.headers.authorization.slice(7)));
    });

    test('bad arguments and a provider that refuses are results a model can act on', async () => {
      const client = await dial();
      const bad = await client.callTool({ name: 'acme_notes_list', arguments: { folder: 1 } });
      assert.equal(bad.isError, true);
      assert.match(bad.content[0].text, /folder/);
      s.upstream.answer = () => ({ status: 404, body: { message: 'no such folder' } });
      const refused = await client.callTool({ name: 'acme_notes_list', arguments: { folder: 'x' } });
      assert.equal(refused.isError, true);
      assert.match(refused.content[0].text, /404/);
    });

    test('a call that needs a person takes longer, is made once, and returns', async () => {
      s.upstream.answer = () => ({ status: 201, body: { id: 7 } });
      const client = await dial();
      const before = s.upstream.writes().length;
      const held = client.callTool({ name: 'acme_notes_send', arguments: { to: 'bo', text: kind } });
      const { id } = await pending();
      assert.equal(s.upstream.writes().length, before);
      await s.daemon.cli(['approval', 'approve', id]);
      const result = await held;
      assert.ok(!result.isError, JSON.stringify(result));
      assert.match(result.content[0].text, /7/);
      assert.deepEqual(s.upstream.writes().slice(before).map((r) => JSON.parse(r.body)), [{ to: 'bo', text: kind }]);
    });

    test('a denial is a result, and nothing is sent', async () => {
      const client = await dial(await s.newVault());
      const before = s.upstream.writes().length;
      const held = client.callTool({ name: 'acme_notes_send', arguments: { to: 'eve', text: kind } });
      const { id } = await pending();
      await s.daemon.cli(['approval', 'deny', id]);
      const result = await held;
      assert.equal(result.isError, true);
      assert.equal(s.upstream.writes().length, before);
    });

    test('who cancels withdraws the question, and nothing is sent', async () => {
      const client = await dial(await s.newVault());
      const before = s.upstream.writes().length;
      const stop = new AbortController();
      const held = client.callTool({ name: 'acme_notes_send', arguments: { to: 'bo', text: `cancelled ${kind}` } },
        ...(Client === ClientOne ? [undefined] : []), { signal: stop.signal });
      const { id } = await pending();
      stop.abort();
      await assert.rejects(held);
      await waitFor(async () => (await s.show(id)).state === 'cancelled', { what: 'the withdrawal' });
      assert.equal((await s.approve(id)).status, 409, 'a late yes is told so');
      assert.equal(s.upstream.writes().length, before);
    });

    test('a result that nobody waited for is kept, and given once to the same call', async () => {
      s.upstream.answer = () => ({ status: 201, body: { id: 11, note: 'parked' } });
      const vault = await s.newVault();
      const before = s.upstream.writes().length;
      const call = { name: 'acme_notes_send', arguments: { to: 'bo', text: `parked ${kind}` } };
      const asked = s.call('notes.send', call.arguments, { token: vault.token });
      const { id } = await pending();
      await asked;
      await s.approve(id);
      await s.settled(id);
      assert.equal(s.upstream.writes().length, before + 1);
      const client = await dial(vault);
      const result = await client.callTool(call);
      assert.ok(!result.isError && /parked/.test(result.content[0].text), JSON.stringify(result));
      assert.equal(s.upstream.writes().length, before + 1, 'it was carried out once');
      const again = client.callTool(call);
      const next = await pending();
      assert.notEqual(next.id, id, 'made once more it is a new request');
      await s.deny(next.id);
      assert.equal((await again).isError, true);
    });

    test('a session or a stream that breaks loses no result', async () => {
      s.upstream.answer = () => ({ status: 201, body: { id: 12, note: 'after the restart' } });
      const vault = await s.newVault();
      const call = { name: 'acme_notes_send', arguments: { to: 'bo', text: `broken ${kind}` } };
      const first = await dial(vault);
      first.callTool(call).catch(() => {}); // it hears no more: by and by its own time is over
      const { id } = await pending();
      const core = s.daemon.children().core;
      process.kill(core, 'SIGKILL');
      await waitFor(async () => s.daemon.children().core !== core && (await s.show(id)).state === 'pending', { what: 'another core', ms: 20000 });
      await s.approve(id);
      await s.settled(id);
      const result = await (await dial(vault)).callTool(call);
      assert.ok(!result.isError && /after the restart/.test(result.content[0].text), JSON.stringify(result));
    });

    test('an account that is not connected yet is told with the page to connect it at', async () => {
      await s.daemon.api('POST', '/users', { subject: `new-${kind}` });
      const vault = await s.daemon.api('POST', '/vaults', {
        user: `new-${kind}`, name: 'New', policy: 'name: New\nservices:\n  acme: {default: allow}\n',
      });
      const client = await dial(vault);
      const result = await client.callTool({ name: 'acme_notes_list', arguments: { folder: 'x' } });
      assert.equal(result.isError, true);
      assert.ok(result.content[0].text.includes(`${s.daemon.url}/mend/not_connected/acme`), result.content[0].text);
    });
  });
}
