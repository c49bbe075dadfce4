// SPDX-License-Identifier: Apache-2.0
// The official SDKs with nothing but a vault's address: they find the authorization server, register, send the user to
// sign in and consent, and connect; later they refresh. 1.x, and 2.x in both eras.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import {
  Client as ClientTwo, DpopSession, StreamableHTTPClientTransport as TransportTwo, UnauthorizedError as UnauthorizedTwo,
} from '@modelcontextprotocol/client';
import { UnauthorizedError as UnauthorizedOne } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client as ClientOne } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportOne } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { acmeStage } from '../lib/acme.mjs';
import { consent, password, signIn } from '../lib/authorize.mjs';
import { Jar } from '../lib/consent.mjs';
import { Ends } from '../lib/process.mjs';
import { publisher } from '../lib/publisher.mjs';

const redirect = 'http://127.0.0.1/callback';

/** What an application keeps for its user: as little as the SDKs ask for. */
class Keeper {
  constructor(scope) {
    this.scope = scope;
    this.registered = 0;
    this.issued = 0;
  }

  get redirectUrl() { return redirect; }

  get clientMetadata() {
    return {
      client_name: 'An SDK', redirect_uris: [redirect], grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'], token_endpoint_auth_method: 'none', ...(this.scope ? { scope: this.scope } : {}),
    };
  }

  state() { return 'a state of the application'; }

  clientInformation() { return this.client; }

  saveClientInformation(client) { this.client = client; this.registered++; }

  tokens() { return this.kept; }

  saveTokens(tokens) { this.kept = tokens; this.issued++; }

  redirectToAuthorization(address) { this.address = address; }

  saveCodeVerifier(verifier) { this.verifier = verifier; }

  codeVerifier() { return this.verifier; }

  saveDiscoveryState(found) { this.found = found; }

  discoveryState() { return this.found; }

  invalidateCredentials(what) {
    if (what === 'all' || what === 'tokens') this.kept = undefined;
    if (what === 'all' || what === 'client') this.client = undefined;
  }
}

const kinds = {
  'SDK 1.x': {
    Client: ClientOne, Transport: TransportOne, Unauthorized: UnauthorizedOne, finish: (transport, back) => transport.finishAuth(back.get('code')),
  },
  'SDK 2.x, as of 2025-11-25': {
    Client: ClientTwo, Transport: TransportTwo, Unauthorized: UnauthorizedTwo, finish: (transport, back) => transport.finishAuth(back),
  },
  'SDK 2.x, 2026-07-28': {
    Client: ClientTwo, Transport: TransportTwo, Unauthorized: UnauthorizedTwo, finish: (transport, back) => transport.finishAuth(back),
    options: { versionNegotiation: { mode: 'auto' } },
  },
};

describe('signing in from an address alone', () => {
  const ends = new Ends();
  const jar = new Jar(); // one browser, which stays signed in
  let s, publishes;

  before(async () => {
    publishes = await publisher(ends);
    s = await acmeStage(ends, {
      allow: [`localhost:${publishes.port}`],
      config: `  ca_file: ${publishes.ca}\nauthserver:\n  client_metadata_documents: true\n`,
    });
    await s.daemon.api('POST', '/users/password', { user: s.user, password });
  });
  after(() => ends.run());

  for (const [kind, { Client, Transport, Unauthorized, finish, options }] of Object.entries(kinds)) {
    const begin = (keeper, vault = s.vault) => ({
      client: new Client({ name: 'test', version: '0' }, options),
      transport: new Transport(new URL(vault.mcp_url), { authProvider: keeper }),
    });

    async function connected(keeper) {
      const { client, transport } = begin(keeper);
      await client.connect(transport);
      ends.after(() => client.close());
      return client;
    }

    test(`${kind}: registers, sends its user to sign in and consent, connects, calls, refreshes`, async () => {
      const keeper = new Keeper();
      const { client, transport } = begin(keeper);
      await assert.rejects(client.connect(transport), (error) => error instanceof Unauthorized);
      assert.equal(keeper.registered, 1);
      const { searchParams: asked, pathname } = keeper.address;
      assert.equal(pathname, '/authorize');
      assert.equal(asked.get('resource'), s.vault.mcp_url);
      assert.equal(asked.get('code_challenge_method'), 'S256');
      assert.equal(asked.get('scope'), 'mcp:tools');
      const back = await consent(keeper.address.href, { jar });
      assert.equal(back.searchParams.get('state'), 'a state of the application');
      await finish(transport, back.searchParams);
      assert.match(keeper.kept.access_token, /^vk_at_/);

      const mine = await connected(keeper);
      assert.ok((await mine.listTools()).tools.some((tool) => tool.name === 'acme_notes_list'));
      s.upstream.answer = () => ({ body: { items: [{ id: 1, title: kind, user: { login: 'bo' } }] } });
      const result = await mine.callTool({ name: 'acme_notes_list', arguments: { folder: 'inbox' } });
      assert.ok(!result.isError && JSON.stringify(result.content).includes(kind), JSON.stringify(result));
      const { headers } = s.upstream.seen.at(-1);
      assert.doesNotMatch(JSON.stringify(headers), /vk_/, 'the API is called with the user\'s token, not with the client\'s');

      const first = keeper.kept;
      keeper.kept = { ...first, access_token: 'vk_at_has_expired' };
      assert.ok((await (await connected(keeper)).listTools()).tools.length > 0);
      assert.equal(keeper.issued, 2, 'a 401 made it refresh, not ask the user again');
      assert.notEqual(keeper.kept.refresh_token, first.refresh_token);
      assert.equal(keeper.registered, 1);
    });

    test(`${kind}: known by its document, it registers nothing`, async () => {
      const keeper = new Keeper();
      keeper.clientMetadataUrl = `${publishes.origin}/${encodeURIComponent(kind)}.json`;
      const { pathname } = new URL(keeper.clientMetadataUrl);
      publishes.pages[pathname] = { body: { ...keeper.clientMetadata, client_id: keeper.clientMetadataUrl, client_name: 'By document' } };
      const { client, transport } = begin(keeper);
      await assert.rejects(client.connect(transport), (error) => error instanceof Unauthorized);
      assert.equal(keeper.address.searchParams.get('client_id'), keeper.clientMetadataUrl);
      const { html } = await signIn(jar, keeper.address.href);
      assert.match(html, /By document[\s\S]*published by <code>localhost<\/code>/);
      await finish(transport, (await consent(keeper.address.href, { jar })).searchParams);
      assert.ok((await (await connected(keeper)).listTools()).tools.length > 0);
      assert.equal(publishes.seen.filter((path) => path === pathname).length, 1);
    });

    test(`${kind}: with a key of its own (DPoP)`, { skip: Client === ClientOne && 'this SDK has no DPoP' }, async () => {
      const session = await DpopSession.create();
      const keeper = Object.assign(new Keeper(), { dpop: () => session });
      const { client, transport } = begin(keeper);
      await assert.rejects(client.connect(transport), (error) => error instanceof Unauthorized);
      await finish(transport, (await consent(keeper.address.href, { jar })).searchParams);
      assert.equal(keeper.kept.token_type, 'DPoP');
      const mine = await connected(keeper);
      const result = await mine.callTool({ name: 'acme_notes_list', arguments: { folder: 'inbox' } });
      assert.ok(!result.isError, JSON.stringify(result));
      for (const authorization of [`Bearer ${keeper.kept.access_token}`, `DPoP ${keeper.kept.access_token}`]) {
        const stolen = await fetch(s.vault.mcp_url, {
          method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
        });
        assert.equal(stolen.status, 401, 'the token alone opens nothing');
      }
      const first = keeper.kept;
      keeper.kept = { ...first, access_token: 'vk_at_has_expired' };
      assert.ok((await (await connected(keeper)).listTools()).tools.length > 0);
      assert.notEqual(keeper.kept.refresh_token, first.refresh_token);
    });

    test(`${kind}: a user who says no is told so, and there is no token`, async () => {
      const keeper = new Keeper();
      const { client, transport } = begin(keeper);
      await assert.rejects(client.connect(transport), (error) => error instanceof Unauthorized);
      const back = await consent(keeper.address.href, { jar, decision: 'deny' });
      assert.equal(back.searchParams.get('error'), 'access_denied');
      assert.equal(keeper.kept, undefined);
    });

    test(`${kind}: what the operator ends, asks the user anew`, async () => {
      const keeper = new Keeper();
      const { client, transport } = begin(keeper);
      await assert.rejects(client.connect(transport), (error) => error instanceof Unauthorized);
      await finish(transport, (await consent(keeper.address.href, { jar })).searchParams);
      const mine = await connected(keeper);
      for (const { id } of await s.daemon.list('/grants')) {
        await s.daemon.api('DELETE', `/grants/${id}`).catch((error) => { if (error.status !== 404 && error.status !== 409) throw error; });
      }
      keeper.address = undefined;
      await assert.rejects(mine.listTools());
      assert.equal(keeper.address?.pathname, '/authorize');
    });
  }
});
