// SPDX-License-Identifier: Apache-2.0
// Claude Code as a client of a vault, without a model: it is given the lines that 'vault create' prints, and connects.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { acmeStage } from '../lib/acme.mjs';
import { password } from '../lib/authorize.mjs';
import { decideInBrowser, startBrowser } from '../lib/browser.mjs';
import { installClaude, startClaude } from '../lib/claude.mjs';
import { Ends, binary, waitFor } from '../lib/process.mjs';
import { startShim } from '../lib/shim.mjs';

const missing = await installClaude();

describe('Claude Code', { skip: missing ?? false }, () => {
  const ends = new Ends();
  let s, claude, clients;

  before(async () => {
    // With documents it would be https://claude.ai/oauth/…, which is out of reach here.
    s = await acmeStage(ends, { config: 'authserver: {client_metadata_documents: false}\n' });
    claude = await startClaude(ends);
    ({ clients } = JSON.parse((await s.daemon.cli(['vault', 'rotate-token', s.vault.id, '--json'])).out));
    s.vault.token = clients.program.mcpServers.valetkey.env.VALETKEY_VAULT_TOKEN;
  });
  after(() => ends.run());

  async function adds(line, env) {
    const { code, out, err } = await claude.shell(line, env);
    assert.equal(code, 0, out + err);
  }

  async function lists(name, env) {
    const { code, out, err } = await claude.run(['mcp', 'list'], { env });
    assert.equal(code, 0, out + err);
    return out.split('\n').find((line) => line.startsWith(`${name}:`)) ?? out;
  }

  test('connects with the line that vault create prints', async () => {
    await adds(clients.claude_code);
    assert.match(await lists('valetkey'), /Connected/);
  });

  test('speaks 2026-07-28, and listens for changes', async () => {
    const asked = [];
    const url = await startShim(ends, s.vault, (request, body) => asked.push([request.method, request.headers['mcp-protocol-version'], body && JSON.parse(body).method]));
    await adds(`claude mcp add --transport http seen ${url}`);
    const { out } = await claude.run(['mcp', 'get', 'seen']);
    assert.match(out, /Connected/);
    assert.deepEqual(asked.slice(0, 2), [['POST', '2026-07-28', 'server/discover'], ['POST', '2026-07-28', 'subscriptions/listen']]);
    assert.ok(asked.every(([, version]) => version === '2026-07-28'), JSON.stringify(asked));
  });

  test('connects with the token in the environment, as the line without it says', async () => {
    const shown = JSON.parse((await s.daemon.cli(['vault', 'show', s.vault.id, '--clients', '--json'])).out).clients;
    await adds(shown.claude_code.replace(' valetkey ', ' fromenv '));
    assert.match(await lists('fromenv', { VALETKEY_VAULT_TOKEN: s.vault.token }), /Connected/);
    assert.doesNotMatch(await lists('fromenv', { VALETKEY_VAULT_TOKEN: 'vk_vault_no' }), /Connected/);
  });

  test('connects to the program', async () => {
    const { args, env } = clients.program.mcpServers.valetkey;
    const { code, out, err } = await claude.run(['mcp', 'add-json', 'asprogram', JSON.stringify({ type: 'stdio', command: binary, args, env })]);
    assert.equal(code, 0, out + err);
    assert.match(await lists('asprogram'), /Connected/);
  });

  test('a token that holds no more is not connected', async () => {
    const vault = await s.newVault();
    await adds(`claude mcp add --transport http old ${vault.mcp_url} --header "Authorization: Bearer ${vault.token}"`);
    assert.match(await lists('old'), /Connected/);
    await s.daemon.api('POST', `/vaults/${vault.id}/rotate-token`);
    assert.doesNotMatch(await lists('old'), /Connected/);
  });

  describe('with nothing but the address', () => {
    let browser;

    before(async () => {
      browser = await startBrowser(ends);
      await s.daemon.api('POST', '/users/password', { user: s.user, password });
      await adds(clients.sign_in.replace(' valetkey ', ' signed '));
    });

    test('says that it has to sign in', async () => {
      assert.match(await lists('signed'), /Needs authentication/);
    });

    test('a user who says no stays unconnected, and is told so', async () => {
      const { program, address } = await claude.login('signed');
      await decideInBrowser(browser, address, { user: s.user, password, decision: 'deny' });
      const end = await waitFor(() => program.end, { what: 'the end of the sign-in', ms: 30000 });
      assert.notEqual(end.code, 0, program.out);
      assert.match(program.out, /Couldn't complete authentication/);
      assert.match(await lists('signed'), /Needs authentication/);
    });

    test('opens the browser at our sign-in; after consent it is connected', async () => {
      const { program, address } = await claude.login('signed');
      assert.equal(address.origin + address.pathname, `${s.daemon.url}/authorize`);
      assert.equal(address.searchParams.get('resource'), s.vault.mcp_url);
      assert.equal(address.searchParams.get('code_challenge_method'), 'S256');
      const read = await decideInBrowser(browser, address, { user: s.user, password });
      assert.match(read, /Claude Code/);
      const end = await waitFor(() => program.end, { what: 'the end of the sign-in', ms: 30000 });
      assert.equal(end.code, 0, program.out);
      assert.match(await lists('signed'), /Connected/);
    });

    test('what the operator ends has to sign in anew', async () => {
      for (const { id } of await s.daemon.list('/grants')) await s.daemon.api('DELETE', `/grants/${id}`);
      assert.doesNotMatch(await lists('signed'), /Connected/);
    });
  });

  test('nothing of this left the machine', (t) => {
    t.diagnostic(`refused at the wall: ${[...new Set(claude.wall.asked)].join(' ') || 'nothing'}`);
    assert.ok(claude.wall.asked.every((host) => !host.includes('vk_')));
  });
});
