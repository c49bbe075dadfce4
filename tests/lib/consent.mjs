// SPDX-License-Identifier: Apache-2.0
// Walks a consent without a browser: forms, cookies and redirects as a browser would send them.
import assert from 'node:assert/strict';

const unescape = (text) => text.replace(/&amp;|&lt;|&gt;|&quot;|&#39;|&#x27;/g, (e) => ({
  '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&#x27;': "'",
})[e]);

/** Attributes of one tag. */
function attributes(tag) {
  const found = {};
  for (const [, name, quoted, bare] of tag.matchAll(/([a-z-]+)(?:\s*=\s*(?:"([^"]*)"|([^\s>]+)))?/gi)) {
    found[name.toLowerCase()] ??= unescape(quoted ?? bare ?? '');
  }
  return found;
}

/** The first form of a page: where it goes and what it would send untouched. */
export function firstForm(html, base) {
  const form = /<form\b([^>]*)>([\s\S]*?)<\/form>/i.exec(html);
  assert.ok(form, `the page has a form:\n${html}`);
  const { action, method = 'get' } = attributes(form[1]);
  const fields = [];
  for (const [tag] of form[2].matchAll(/<input\b[^>]*>/gi)) {
    const { type = 'text', name, value = 'on', checked } = attributes(tag.slice(6));
    if (!name || type === 'submit') continue;
    if ((type === 'checkbox' || type === 'radio') && checked === undefined) continue;
    fields.push([name, value]);
  }
  return { url: new URL(action || base, base).href, method: method.toUpperCase(), fields };
}

/** A browser's memory of cookies, by host and port. */
export class Jar {
  constructor() {
    this.cookies = new Map();
  }

  async fetch(url, options = {}) {
    const { origin } = new URL(url);
    const mine = [...(this.cookies.get(origin) ?? new Map())].map(([k, v]) => `${k}=${v}`).join('; ');
    const answer = await fetch(url, {
      ...options,
      redirect: 'manual',
      headers: { ...options.headers, ...(mine ? { cookie: mine } : {}) },
    });
    for (const line of answer.headers.getSetCookie?.() ?? []) {
      const [pair] = line.split(';');
      const at = pair.indexOf('=');
      if (!this.cookies.has(origin)) this.cookies.set(origin, new Map());
      this.cookies.get(origin).set(pair.slice(0, at), pair.slice(at + 1));
    }
    return answer;
  }

  /** Sends the form; with what a browser says of a same-origin form. */
  submit({ url, method, fields }) {
    const { origin } = new URL(url);
    return this.fetch(url, {
      method,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        origin,
        'sec-fetch-site': 'same-origin',
      },
      body: new URLSearchParams(fields).toString(),
    });
  }
}

/** Opens a connect link and goes on to the provider; answers the provider's address. */
export async function openLink(jar, link) {
  const page = await jar.fetch(link);
  const html = await page.text();
  assert.equal(page.status, 200, `the connect page answers: ${html}`);
  const moved = await jar.submit(firstForm(html, link));
  assert.ok([302, 303].includes(moved.status), `going on redirects: ${moved.status} ${await moved.text()}`);
  return moved.headers.get('location');
}

/** At the sandbox: signs in as @p user, unticks @p refuse, decides. Answers the callback's address. */
export async function decideAtSandbox(jar, address, { user = 'ada', refuse = [], deny = false } = {}) {
  const page = await jar.fetch(address);
  const html = await page.text();
  assert.equal(page.status, 200, `the sandbox's page answers: ${html}`);
  const form = firstForm(html, address);
  form.fields = form.fields.filter(([name, value]) => name !== 'user' && !refuse.includes(value));
  form.fields.push(['user', user], ['decision', deny ? 'deny' : 'approve']);
  const moved = await jar.submit(form);
  assert.equal(moved.status, 303, `the decision redirects: ${await moved.clone().text()}`);
  return moved.headers.get('location');
}

/** Follows redirects inside one host and answers the last page. */
export async function land(jar, address) {
  let url = address;
  for (let hops = 0; hops < 5; hops++) {
    const answer = await jar.fetch(url);
    const next = answer.headers.get('location');
    if (answer.status < 300 || answer.status > 399 || !next) {
      return { status: answer.status, html: await answer.text(), url };
    }
    url = new URL(next, url).href;
  }
  throw new Error(`too many redirects from ${address}`);
}

/** The whole consent at the sandbox. Answers the connection. */
export async function connect(daemon, { user, service, scopes, account = 'ada', refuse, alias, connection }) {
  const jar = new Jar();
  const known = new Set((await daemon.list(`/connections?user=${user}&service=${service}`)).map((c) => c.id));
  const { url } = await daemon.api('POST', '/connections/start', {
    user, service, ...(scopes ? { scopes } : {}), ...(alias ? { alias } : {}), ...(connection ? { connection } : {}),
  });
  const callback = await decideAtSandbox(jar, await openLink(jar, url), { user: account, refuse });
  const { status, html } = await land(jar, callback);
  assert.equal(status, 200, `the consent ends well: ${html}`);
  const now = await daemon.list(`/connections?user=${user}&service=${service}`);
  return now.find((c) => !known.has(c.id)) ?? now[0];
}
