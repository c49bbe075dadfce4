// SPDX-License-Identifier: Apache-2.0
// The lines that 'valetkey vault' prints for people to paste: each is used as its client would use it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { acmePolicy, acmeStage } from '../lib/acme.mjs';
import { Ends, binary } from '../lib/process.mjs';

describe('the lines to paste', () => {
  const ends = new Ends();
  let s, policy;

  before(async () => {
    s = await acmeStage(ends);
    policy = `${s.daemon.dir}/policy.yaml`;
    writeFileSync(policy, acmePolicy);
  });
  after(() => ends.run());

  const create = (...more) => s.daemon.cli(['vault', 'create', '--user', 'ada', '--name', 'Lines', '--policy', policy, ...more]);

  async function toolsBy(transport) {
    const client = new Client({ name: 'test', version: '0' });
    await client.connect(transport);
    const { tools } = await client.listTools();
    await client.close();
    return tools.length;
  }

  const overHttp = ({ url, headers }) => toolsBy(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const asProgram = ({ command, args, env }) => {
    assert.equal(command, 'valetkey');
    return toolsBy(new StdioClientTransport({ command: binary, args, env: { ...process.env, ...env } }));
  };

  test('vault create has them in its JSON, and each opens the vault', async () => {
    const vault = JSON.parse((await create('--json')).out);
    const { claude_code, cursor, vscode, mcp_json, program, sign_in } = vault.clients;
    assert.equal(sign_in, `claude mcp add --transport http valetkey ${vault.mcp_url}`);
    assert.equal(claude_code, `claude mcp add --transport http valetkey ${vault.mcp_url} --header "Authorization: Bearer ${vault.token}"`);
    assert.deepEqual(Object.keys(cursor.mcpServers.valetkey), ['url', 'headers']);
    assert.equal(vscode.servers.valetkey.type, 'http');
    assert.equal(vscode.inputs, undefined);
    assert.equal(mcp_json.mcpServers.valetkey.type, 'http');
    for (const server of [cursor.mcpServers.valetkey, vscode.servers.valetkey, mcp_json.mcpServers.valetkey]) assert.equal(await overHttp(server), 4);
    assert.equal(await asProgram(program.mcpServers.valetkey), 4);
  });

  test('to people it prints the same', async () => {
    const { out, err } = await create();
    const token = /vk_vault_\w+/.exec(out)[0];
    const url = /http\S+\/mcp\/vault_\w+/.exec(out)[0];
    assert.ok(err.includes(`  claude mcp add --transport http valetkey ${url} --header "Authorization: Bearer ${token}"\n`), err);
    assert.ok(err.includes(`  claude mcp add --transport http valetkey ${url}\n`), err);
    const [cursor, code, plain, program] = err.split('\n').filter((l) => l.startsWith('  {')).map((l) => JSON.parse(l));
    assert.deepEqual(cursor.mcpServers.valetkey, { url, headers: { Authorization: `Bearer ${token}` } });
    assert.deepEqual(code.servers.valetkey, { type: 'http', url, headers: { Authorization: `Bearer ${token}` } });
    assert.deepEqual(plain.mcpServers, code.servers);
    assert.equal(await asProgram(program.mcpServers.valetkey), 4);
  });

  test('a token that takes the place of another comes with its lines', async () => {
    const vault = JSON.parse((await create('--json')).out);
    const again = JSON.parse((await s.daemon.cli(['vault', 'rotate-token', vault.id, '--json'])).out);
    assert.notEqual(again.token, vault.token);
    assert.equal(again.clients.cursor.mcpServers.valetkey.headers.Authorization, `Bearer ${again.token}`);
    assert.equal(await overHttp(again.clients.cursor.mcpServers.valetkey), 4);
  });

  test('vault show has them without the token, which each client finds for itself', async () => {
    const vault = JSON.parse((await create('--json')).out);
    const { clients } = JSON.parse((await s.daemon.cli(['vault', 'show', vault.id, '--clients', '--json'])).out);
    assert.match(clients.claude_code, / --header 'Authorization: Bearer \$\{VALETKEY_VAULT_TOKEN\}'$/);
    assert.equal(clients.cursor.mcpServers.valetkey.headers.Authorization, 'Bearer ${env:VALETKEY_VAULT_TOKEN}');
    const [input] = clients.vscode.inputs;
    assert.equal(clients.vscode.servers.valetkey.headers.Authorization, `Bearer \${input:${input.id}}`);
    assert.equal(input.password, true);
    const { out } = await s.daemon.cli(['vault', 'show', vault.id, '--clients']);
    assert.ok(out.includes(clients.claude_code) && out.includes('VS Code') && !out.includes(vault.token));
    const plain = JSON.parse((await s.daemon.cli(['vault', 'show', vault.id, '--json'])).out);
    assert.equal(plain.clients, undefined);
  });
});
