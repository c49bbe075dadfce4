// SPDX-License-Identifier: Apache-2.0
// What the conformance suite runs as "the client": a daemon of its own that takes the suite's server for a remote MCP
// server, connects an account there and lists its tools. The address is the last argument.
import { Jar, land, openLink } from './consent.mjs';
import { startDaemon } from './daemon.mjs';
import { Ends } from './process.mjs';

const server = process.argv.at(-1);
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const ends = new Ends();

/** Hosts that the daemon has to be let out to: the server's, and those that its metadata name. */
async function hosts() {
  const at = new URL(server);
  const found = new Set([at.host]);
  const read = (url) => fetch(url).then((answer) => answer.json()).catch(() => ({}));
  const told = await fetch(server, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    .then((answer) => /resource_metadata="?([^",]+)/.exec(answer.headers.get('www-authenticate') ?? '')?.[1]).catch(() => undefined);
  const places = [told, `${at.origin}/.well-known/oauth-protected-resource${at.pathname}`, `${at.origin}/.well-known/oauth-protected-resource`];
  for (const place of places.filter(Boolean)) {
    for (const issuer of (await read(place)).authorization_servers ?? []) found.add(new URL(issuer).host);
  }
  return [...found].map((host) => host.replace('localhost', '127.0.0.1')).concat([...found]);
}

async function main() {
  const daemon = await startDaemon(ends, { allow: [...new Set(await hosts())] });
  await daemon.api('POST', '/users', { subject: 'ada' });
  await daemon.api('POST', '/services/mcp', { url: server, id: 'remote', ...(context.client_id ? { client_id: context.client_id } : {}) });
  if (context.client_secret) await daemon.api('PUT', '/services/remote/client-secret', context.client_secret, { type: 'application/octet-stream' });
  const jar = new Jar();
  const { url } = await daemon.api('POST', '/connections/start', { user: 'ada', service: 'remote' });
  const authorize = await openLink(jar, url);
  const back = (await fetch(authorize, { redirect: 'manual' })).headers.get('location');
  const done = await land(jar, back);
  if (done.status !== 200) throw new Error(`the consent ended with ${done.status}: ${done.html}`);
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'Raw', policy: 'name: Raw\nservices:\n  remote:\n    proxy: allow\n    default: block\n' });
  const ask = (body, headers = {}) => fetch(`${daemon.url}/proxy/remote${new URL(server).pathname}`, {
    method: 'POST', body: JSON.stringify(body),
    headers: { authorization: `Bearer ${vault.token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
  });
  const hello = await ask({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } } });
  console.log(hello.status, await hello.text());
  const list = await ask({ jsonrpc: '2.0', id: 2, method: 'tools/list' }, { 'mcp-protocol-version': '2025-11-25', ...(hello.headers.get('mcp-session-id') ? { 'mcp-session-id': hello.headers.get('mcp-session-id') } : {}) });
  console.log(list.status, (await list.text()).slice(0, 500));
}

try {
  await main();
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await ends.run();
}
