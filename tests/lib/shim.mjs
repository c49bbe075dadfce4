// SPDX-License-Identifier: Apache-2.0
// Stands before an MCP endpoint and shows the vault's token, for clients that cannot send a header.
import { createServer, request } from 'node:http';

import { atEnd } from './process.mjs';

/** Answers the address that leads to the vault's endpoint; everything else passes as it is, and is told to @p saw. */
export async function startShim(t, { mcp_url: url, token }, saw) {
  const target = new URL(url);
  const server = createServer((asked, answer) => {
    const out = request({
      host: '127.0.0.1', port: target.port, path: target.pathname, method: asked.method,
      headers: { ...asked.headers, authorization: `Bearer ${token}` },
    }, (from) => { answer.writeHead(from.statusCode, from.headers); from.pipe(answer); });
    out.on('error', () => answer.destroy());
    answer.on('close', () => out.destroy());
    asked.pipe(out);
    const parts = [];
    asked.on('data', (part) => { if (saw) parts.push(part); });
    asked.on('end', () => saw?.(asked, Buffer.concat(parts).toString()));
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  return `http://127.0.0.1:${server.address().port}/mcp`;
}
