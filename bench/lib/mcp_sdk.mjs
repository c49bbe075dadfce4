// SPDX-License-Identifier: Apache-2.0
// The peer: the tools of tests/lib/acme.mjs on the official SDK, 'one' (1.x, legacy and stateless) or 'two' (2.x, both eras).
// A call is made with fetch and a fixed token. node mcp_sdk.mjs one|two PORT UPSTREAM
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [, , which, port, upstream] = process.argv;
const require = createRequire(new URL('../../tests/package.json', import.meta.url));
const load = (name) => import(require.resolve(name));
const { z } = await load('zod');

const text = z.string();
const tools = [
  ['acme_notes_list', 'List notes', 'List the notes of a folder', { folder: text, limit: z.number().int().min(1).max(100).optional() },
    { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true }],
  ['acme_notes_send', 'Send a note', 'Send a note to a person', { to: text.min(1), text, amount: z.number().optional() },
    { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true }],
  ['acme_notes_replace', 'Replace a note', 'Replace the text of a note, whatever its revision is', { id: z.number().int(), text },
    { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true }],
  ['acme_notes_delete', 'Delete a note', 'Delete a note for good', { id: z.number().int() },
    { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true }],
];

async function list({ folder }) {
  const answer = await fetch(`${upstream}/folders/${encodeURIComponent(folder)}/notes`, { headers: { authorization: 'Bearer a-fixed-token' } });
  const { items } = await answer.json();
  const structuredContent = { result: items.map(({ id, title, user }) => ({ id, title, author: user.login })) };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent.result) }], structuredContent };
}

function withTools(server, schemaOf) {
  for (const [name, title, description, input, annotations] of tools) {
    server.registerTool(name, { title, description, inputSchema: schemaOf(input), annotations }, list);
  }
  return server;
}

async function one() {
  const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
  const { StreamableHTTPServerTransport } = await load('@modelcontextprotocol/sdk/server/streamableHttp.js');
  return async (request, response) => {
    const server = withTools(new McpServer({ name: 'peer', version: '1' }), (input) => input);
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
    response.on('close', () => { transport.close(); server.close(); });
    await server.connect(transport);
    await transport.handleRequest(request, response);
  };
}

async function two() {
  const { McpServer, createMcpHandler } = await load('@modelcontextprotocol/server');
  const { toNodeHandler } = await load('@modelcontextprotocol/node');
  return toNodeHandler(createMcpHandler(() => withTools(new McpServer({ name: 'peer', version: '2' }), (input) => z.object(input))));
}

const handler = await { one, two }[which]();
createServer(handler).listen(Number(port), '127.0.0.1', () => console.log('listening'));
