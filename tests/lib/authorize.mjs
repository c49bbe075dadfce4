// SPDX-License-Identifier: Apache-2.0
// What a user does at our authorization server, as a browser would send it.
import assert from 'node:assert/strict';

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
