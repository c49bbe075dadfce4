// SPDX-License-Identifier: Apache-2.0
// An authorization server with a user, her vault, clients of several kinds, and one browser that is signed in.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { consent, people } from './authorize.mjs';
import { Jar } from './consent.mjs';
import { startDaemon } from './daemon.mjs';

export const makeVerifier = () => randomBytes(32).toString('base64url');
export const challenge = (verifier) => createHash('sha256').update(verifier).digest('base64url');
export const basic = (client) => ({ authorization: `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}` });

export class Server {
  static async start(t, { daemon = {}, redirect } = {}) {
    const it = new Server();
    it.daemon = await startDaemon(t, daemon);
    Object.assign(it, await people(it.daemon, redirect ? { redirect } : {}));
    it.jar = new Jar(); // who signs in anew each time is throttled
    it.issuer = `${it.daemon.url}/`;
    return it;
  }

  async register(metadata = {}) {
    const answer = await fetch(`${this.issuer}oauth/register`, {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [this.redirect], ...metadata }),
    });
    const body = await answer.json();
    return answer.status === 201 ? body : Promise.reject(Object.assign(new Error(body.error), { status: answer.status, body }));
  }

  operators(name, redirects) {
    return this.daemon.api('POST', '/agents', { name, redirect_uris: redirects });
  }

  /** Where a client sends a browser. @p more: parameters; undefined leaves one out. */
  address(more = {}, extra = '') {
    const all = {
      client_id: this.agent.client_id, response_type: 'code', redirect_uri: this.redirect, state: 's', scope: 'mcp:tools',
      resource: this.vault.mcp_url, code_challenge: challenge('v'.repeat(43)), code_challenge_method: 'S256', ...more,
    };
    const pairs = Object.entries(all).filter(([, value]) => value !== undefined);
    return `${this.issuer}authorize?${new URLSearchParams(pairs)}${extra}`;
  }

  /** Where the signed-in user's browser ends after her decision. */
  decide(address, decision = 'allow') {
    return consent(address, { jar: this.jar, decision });
  }

  async code(more = {}) {
    const verifier = makeVerifier();
    const back = await this.decide(this.address({ code_challenge: challenge(verifier), ...more }));
    assert.ok(back.searchParams.get('code'), back.href);
    return { code: back.searchParams.get('code'), verifier };
  }

  redeem({ code, verifier }, { client = this.agent, form = {}, headers } = {}) {
    const all = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: this.redirect, ...form };
    return this.daemon.post(Object.entries(all).filter(([, value]) => value !== undefined),
      { headers: headers ?? (client.client_secret ? basic(client) : {}) });
  }

  async tokens(more) {
    const answer = await this.redeem(await this.code(more));
    assert.equal(answer.status, 200, answer.text);
    return answer.body;
  }

  renew(token, { client = this.agent, form = {}, headers } = {}) {
    return this.daemon.post({ grant_type: 'refresh_token', refresh_token: token, ...form }, { headers: headers ?? basic(client) });
  }

  introspect(token, { client = this.agent, headers, ...more } = {}) {
    return this.daemon.post({ token, ...more }, { path: '/oauth/introspect', headers: headers ?? basic(client) });
  }

  revoke(token, { client = this.agent, headers, ...more } = {}) {
    return this.daemon.post({ token, ...more }, { path: '/oauth/revoke', headers: headers ?? basic(client) });
  }

  /** Whether the token opens the vault. */
  async opens(token) {
    const answer = await fetch(this.vault.mcp_url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'x', version: '1' } } }),
    });
    await answer.arrayBuffer();
    assert.ok([200, 401].includes(answer.status), String(answer.status));
    return answer.status === 200;
  }
}

/** An answer of the token endpoint or its like that gives nothing, in the form of RFC 6749 5.2. */
export function refused(answer, status, error, why = '') {
  assert.equal(answer.status, status, `${why}: ${answer.text}`);
  if (error) assert.equal(answer.body.error, error, why);
  assert.equal(answer.body.access_token ?? answer.body.refresh_token, undefined, why);
  assert.equal(answer.headers.get('cache-control'), 'no-store', why);
  assert.match(answer.body.error_description ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/, why);
}
