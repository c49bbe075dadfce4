// SPDX-License-Identifier: Apache-2.0
// What a user does at our authorization server, as a browser would send it.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';

import { Jar, firstForm } from './consent.mjs';

export const password = 'correct horse, not a secret';

/** A user with a password, a vault, and a client of the operator's. */
export async function people(daemon, { user = 'ada', vault = {}, redirect = 'http://127.0.0.1/callback' } = {}) {
  await daemon.api('POST', '/users', { subject: user });
  await daemon.api('POST', '/users/password', { user, password });
  const agent = await daemon.api('POST', '/agents', { name: 'Test client', redirect_uris: [redirect] });
  const made = await daemon.api('POST', '/vaults', {
    user, name: `${user}'s`, policy: 'name: P\nservices: {}\n', ...vault,
  });
  return { user, agent, vault: made, redirect };
}

/** Signs in where the page asks for it; answers the page that comes then. */
export async function signIn(jar, address, user = 'ada', secret = password) {
  let url = address;
  let page = await jar.fetch(url);
  let html = await page.text();
  if (html.includes('name="password"')) {
    const form = firstForm(html, url);
    form.fields = form.fields.filter(([name]) => !['subject', 'password'].includes(name));
    form.fields.push(['subject', user], ['password', secret]);
    page = await jar.submit(form);
    if (page.status !== 303) return { page, html: await page.text(), url: form.url };
    url = page.headers.get('location');
    page = await jar.fetch(url);
    html = await page.text();
  }
  return { page, html, url };
}

/** From the authorize address to where the client is sent back to. */
export async function consent(address, { jar = new Jar(), user = 'ada', decision = 'allow', vault } = {}) {
  const { page, html, url } = await signIn(jar, address, user);
  if (page.status === 303) return new URL(page.headers.get('location'));
  assert.equal(page.status, 200, html);
  const form = firstForm(html, url);
  if (vault) form.fields = [...form.fields.filter(([name]) => name !== 'vault'), ['vault', vault]];
  form.fields.push(['decision', decision]);
  const back = await jar.submit(form);
  assert.equal(back.status, 303, await back.clone().text());
  return new URL(back.headers.get('location'));
}

const back = 'http://127.0.0.1/callback';

/** A client that registers itself, as programs do that know nothing but the address of a vault. */
export async function register(daemon, more = {}) {
  const answer = await fetch(`${daemon.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Registers itself', redirect_uris: [back], token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'], ...more,
    }),
  });
  assert.equal(answer.status, 201);
  return answer.json();
}

/** What such a client sends its user's browser to. */
export function asking(daemon, client, vault, more = {}) {
  const verifier = randomBytes(32).toString('base64url');
  const address = new URL(`${daemon.url}/authorize`);
  address.search = new URLSearchParams({
    response_type: 'code', client_id: client.client_id, redirect_uri: back, state: 'a state', resource: vault.mcp_url,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...more,
  });
  return { address: address.href, verifier };
}

/** The tokens of a client that registered itself, for a vault; @p more: members of the request. */
export async function granted(daemon, vault, { client, user, ...more } = {}) {
  const one = client ?? await register(daemon, more.scope ? { scope: more.scope } : {});
  const { address, verifier } = asking(daemon, one, vault, more);
  const { searchParams } = await consent(address, { user });
  const { status, body, text } = await daemon.post({
    grant_type: 'authorization_code', client_id: one.client_id, code: searchParams.get('code'), redirect_uri: back, code_verifier: verifier,
  });
  assert.equal(status, 200, text);
  return { ...body, client: one };
}
