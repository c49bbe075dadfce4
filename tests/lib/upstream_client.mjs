// SPDX-License-Identifier: Apache-2.0
// What the conformance suite runs as "the client": a daemon of its own that takes the suite's server for a remote MCP
// server, connects an account there and lists its tools. The address is the last argument.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { Jar, land, openLink } from './consent.mjs';
import { startDaemon } from './daemon.mjs';
import { Ends } from './process.mjs';

const server = process.argv.at(-1);
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const ends = new Ends();

/** Hosts that the daemon has to be let out to: the server's, and those that its metadata name. The suite watches. */
async function hosts() {
  const at = new URL(server);
  const well = `${at.origin}/.well-known/oauth-protected-resource`;
  const json = (answer) => (answer.ok ? answer.json().catch(() => null) : null);
  const modern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === '2026-07-28';
  const method = modern ? 'server/discover' : 'ping';
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' }, 'io.modelcontextprotocol/clientCapabilities': {} };
  const asked = await fetch(server, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(modern ? { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method } : {}) },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, ...(modern ? { params: { _meta: meta } } : {}) }),
  });
  await asked.body?.cancel();
  const found = [at.host];
  if (asked.status === 401) {
    const told = /resource_metadata="?([^",]+)/.exec(asked.headers.get('www-authenticate') ?? '')?.[1];
    const metadata = told ? await json(await fetch(told)) : await json(await fetch(well + at.pathname)) ?? await json(await fetch(well));
    found.push(...(metadata?.authorization_servers ?? []).map((issuer) => new URL(issuer).host));
  }
  return [...new Set([...found, ...found.map((host) => host.replace('localhost', '127.0.0.1'))])];
}

async function main() {
  const daemon = await startDaemon(ends, { allow: await hosts() });
  await daemon.api('POST', '/users', { subject: 'ada' });
  const added = await daemon.api('POST', '/services/mcp', { url: server, id: 'remote', ...(context.client_id ? { client_id: context.client_id } : {}) });
  if (context.client_secret) await daemon.api('PUT', '/services/remote/client-secret', context.client_secret, { type: 'application/octet-stream' });
  if (added.registration !== 'none') {
    const jar = new Jar();
    const { url } = await daemon.api('POST', '/connections/start', { user: 'ada', service: 'remote' });
    const authorize = await openLink(jar, url);
    const done = await land(jar, (await fetch(authorize, { redirect: 'manual' })).headers.get('location'));
    if (done.status !== 200) throw new Error(`the consent ended with ${done.status}: ${done.html}`);
  }
  console.log((await daemon.cli(['service', 'review', 'remote', '--accept'])).out);
  const vault = await daemon.api('POST', '/vaults', { user: 'ada', name: 'All', policy: 'name: All\nservices:\n  remote:\n    default: allow\n' });
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(vault.mcp_url), { requestInit: { headers: { authorization: `Bearer ${vault.token}` } } }));
  const { tools } = await client.listTools();
  for (const { name, inputSchema } of tools) {
    const wished = context.toolCalls?.filter((call) => `remote_${call.name}` === name) ?? [];
    const made = Object.fromEntries(Object.entries(inputSchema.properties ?? {}).map(([key, schema]) => [
      key, /schema/i.test(key) ? tools.find((tool) => tool.name !== name).inputSchema : example(schema)]));
    for (const { arguments: args } of wished.length ? wished : [{ arguments: made }]) {
      console.log(name, JSON.stringify(await client.callTool({ name, arguments: args })).slice(0, 500));
    }
  }
  await client.close();
}

/** A value that fits. */
function example(schema) {
  if (schema.enum) return schema.enum[0];
  return { number: 5, integer: 5, string: 'text', boolean: true, array: [], object: {}, null: null }[schema.type] ?? 'text';
}

try {
  await main();
} catch (error) {
  console.error(error.stack);
  process.exitCode = 1;
} finally {
  await ends.run();
}
