// SPDX-License-Identifier: Apache-2.0
// Who publishes documents about clients (CIMD), over TLS.
import { createServer } from 'node:https';

import { certificates } from './front.mjs';
import { atEnd, folder, freePort } from './process.mjs';

/** What it answers is in `pages`, path → { status, type, body, headers } or a function. */
export async function publisher(t) {
  const certs = await certificates(folder(t));
  const port = await freePort();
  const it = { ca: certs.ca, port, origin: `https://localhost:${port}`, pages: {}, seen: [] };
  const server = createServer(certs.good, (request, response) => {
    it.seen.push(request.url);
    const page = it.pages[request.url];
    if (typeof page === 'function') return void page(request, response);
    response.writeHead(page?.status ?? (page ? 200 : 404), { 'content-type': page?.type ?? 'application/json', ...page?.headers });
    response.end(typeof page?.body === 'string' ? page.body : JSON.stringify(page?.body ?? {}));
  });
  await new Promise((done) => { server.listen(port, '127.0.0.1', done); });
  atEnd(t, () => { server.closeAllConnections(); server.close(); });
  return it;
}
