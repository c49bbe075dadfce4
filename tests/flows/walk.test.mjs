// SPDX-License-Identifier: Apache-2.0
// The walk that the README describes, done by a person's browser and an agent's curl.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

import { startBrowser } from '../lib/browser.mjs';
import { Jar, decideAtSandbox, land, openLink } from '../lib/consent.mjs';
import { accessTokenType, exchangeGrant, policy } from '../lib/daemon.mjs';
import { startDemo } from '../lib/demo.mjs';
import { binary, run, waitFor } from '../lib/process.mjs';

async function curl(url, form) {
  const pairs = Object.entries(form).flatMap(([k, v]) => ['--data-urlencode', `${k}=${v}`]);
  const { out } = await run('curl', ['-sS', '-w', '\n%{http_code}', url, ...pairs]);
  const at = out.lastIndexOf('\n');
  return { status: Number(out.slice(at + 1)), body: JSON.parse(out.slice(0, at)) };
}

test('a person connects an account, lends it, sees it used, pauses, resumes and removes it', async (t) => {
  const { daemon, sandbox } = await startDemo(t);
  const browser = await startBrowser(t);
  const page = await browser.newPage();
  const ask = (token) => curl(`${daemon.url}/oauth/token`, {
    grant_type: exchangeGrant, subject_token: token, subject_token_type: accessTokenType, audience: 'sandbox-github',
  });
  const use = (token) => fetch(`${sandbox.origin}/github/api/user`, { headers: { authorization: `Bearer ${token}` } });
  let connection;
  let vault;
  let token;

  await t.test('the page at / says what is running and what to do next', async () => {
    await page.goto(`${daemon.url}/`);
    assert.match(await page.textContent('body'), /Valetkey/);
  });

  await t.test('the link leads over a page that names the user and the service', async () => {
    await daemon.cli(['user', 'add', '--subject', 'walker']);
    const { url } = await daemon.cli(['connection', 'start', '--user', 'walker', '--service', 'sandbox-github'], { json: true });
    await page.goto(url);
    const text = await page.textContent('body');
    assert.match(text, /walker/);
    assert.match(text, /GitHub/i);
    await page.click('form button, form input[type=submit]');
    await page.waitForSelector('#approve');
    assert.match(await page.textContent('#sandbox'), /SANDBOX/);
  });

  await t.test('approving at the provider ends on a page that says it is connected', async () => {
    await page.check('#user-grace');
    await Promise.all([page.waitForURL(`${daemon.url}/**`), page.click('#approve')]);
    assert.match(await page.textContent('body'), /connected/i);
    const list = await daemon.cli(['connection', 'list'], { json: true });
    connection = (list.items ?? list).find((c) => c.user === 'walker');
    assert.equal(connection.state, 'connected');
    assert.match(JSON.stringify(connection.account), /grace|1002/);
  });

  await t.test('a vault is created and its token shown once', async () => {
    const file = join(daemon.dir, 'policy.yaml');
    writeFileSync(file, policy('Walk', { 'sandbox-github': null }));
    vault = await daemon.cli(['vault', 'create', '--user', 'walker', '--name', 'Walk', '--policy', file], { json: true });
    assert.match(vault.token, /^vk_vault_/);
    assert.doesNotMatch(JSON.stringify(await daemon.cli(['vault', 'show', vault.id], { json: true })), /vk_vault_/);
  });

  await t.test('curl exchanges the vault token for the provider token, which works there', async () => {
    const { status, body } = await ask(vault.token);
    assert.equal(status, 200, JSON.stringify(body));
    token = body.access_token;
    const me = await use(token);
    assert.equal(me.status, 200);
    assert.equal((await me.json()).login, 'grace');
  });

  await t.test('the event is there', async () => {
    const events = await daemon.settledEvents();
    const event = events.find((e) => e.kind === 'exchange' && e.outcome === 'ok');
    assert.ok(event, JSON.stringify(events));
    assert.doesNotMatch(JSON.stringify(events), new RegExp(token));
  });

  await t.test('paused, the agent is refused with an address where it can be mended', async () => {
    await daemon.cli(['connection', 'pause', connection.id]);
    const { status, body } = await ask(vault.token);
    assert.equal(status, 400);
    assert.equal(body.error, 'access_paused');
    assert.ok(body.error_uri?.startsWith(daemon.url), JSON.stringify(body));
    assert.equal(body.access_token, undefined);
  });

  await t.test('resumed, it is served again', async () => {
    await daemon.cli(['connection', 'resume', connection.id]);
    assert.equal((await ask(vault.token)).status, 200);
  });

  await t.test('MIST-06 removing answers three facts, and the token is dead at the provider', async () => {
    const facts = await daemon.cli(['connection', 'remove', connection.id, '--yes'], { json: true });
    assert.equal(facts.deleted, true);
    const settled = facts.probed === 'pending' || facts.revoked === 'pending'
      ? await daemon.waitRemoved(connection.id, 'walker') : facts;
    assert.equal(settled.revoked, 'yes', JSON.stringify(settled));
    assert.equal(settled.probed, 'dead', JSON.stringify(settled));
    assert.equal((await use(token)).status, 401);
    const { status, body } = await ask(vault.token);
    assert.equal(status, 400);
    assert.equal(body.error, 'not_connected');
  });

  await t.test('the log verifies with nothing but its files and the public key', async () => {
    const { code, out, err } = await daemon.cli(['audit', 'verify'], { fails: true });
    assert.equal(code, 0, out + err);
  });
});

test('the steps that the demo prints work when they are pasted', async (t) => {
  const { daemon, program } = await startDemo(t);
  const bin = join(daemon.dir, 'bin');
  mkdirSync(bin);
  symlinkSync(resolve(binary), join(bin, 'valetkey'));
  const printed = program.out + program.err;
  const text = printed.slice(printed.indexOf('What to do next'), printed.indexOf('Ctrl-C ends it'));
  const lines = text.replace(/\\\n\s*/g, ' ').split('\n').filter((l) => l.startsWith('  ')).map((l) => l.trim());
  assert.ok(lines.length >= 8, printed);
  let said = '';
  let token;
  for (const line of lines) {
    const command = line.startsWith('export') ? (said = `${said}${line}; `, null) : line.replace('VAULT_TOKEN', token ?? '');
    if (!command) continue;
    const paste = () => run('bash', ['-c', `${said}${command}`], {
      cwd: daemon.dir, env: { ...daemon.env, PATH: `${bin}:${process.env.PATH}` },
    });
    // The search follows the log within a second, and a person is slower than that.
    const { code, out, err } = command.includes('audit tail')
      ? await waitFor(async () => {
        const done = await paste();
        return /exchange/.test(done.out) && done;
      }, { what: 'the exchange in the log', ms: 3000, every: 100 }) : await paste();
    assert.equal(code, 0, `${command}\n${out}${err}`);
    const [url] = /http:\/\/\S+\/connect\/\S+/.exec(out) ?? [];
    if (url) {
      const jar = new Jar();
      const { status } = await land(jar, await decideAtSandbox(jar, await openLink(jar, url)));
      assert.equal(status, 200);
    }
    token ??= /vk_vault_\w+/.exec(out)?.[0];
    if (command.includes('/proxy/')) assert.ok(JSON.parse(out).every?.((issue) => issue.number && issue.title), out);
    else if (command.startsWith('curl')) assert.match(JSON.parse(out).access_token, /^sandbox-github-access-/);
    if (command.includes('connection list')) assert.match(out, /github/);
  }
  assert.ok(token, 'a vault was created');
});

test('a consent that is denied ends on a page that says so', async (t) => {
  const { daemon } = await startDemo(t);
  const browser = await startBrowser(t);
  const page = await browser.newPage();
  await daemon.cli(['user', 'add', '--subject', 'walker']);
  const { url } = await daemon.cli(['connection', 'start', '--user', 'walker', '--service', 'sandbox-github'], { json: true });
  await page.goto(url);
  await page.click('form button, form input[type=submit]');
  await page.waitForSelector('#deny');
  await Promise.all([page.waitForURL(`${daemon.url}/**`), page.click('#deny')]);
  const text = await page.textContent('body');
  assert.match(text, /nothing was connected|not given/i);
  const list = await daemon.cli(['connection', 'list'], { json: true });
  assert.equal((list.items ?? list).filter((c) => c.state === 'connected' && c.user === 'walker').length, 0);
});
