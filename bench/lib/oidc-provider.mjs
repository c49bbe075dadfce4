// SPDX-License-Identifier: Apache-2.0
// A peer: npm's oidc-provider answering client_credentials from memory. argv: port.
import { createServer } from 'node:http';

import { Provider } from '../../tests/node_modules/oidc-provider/lib/index.js';

const port = Number(process.argv[2]);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'bench', client_secret: 'bench-value-for-loopback-only', redirect_uris: [], response_types: [],
    grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_basic',
  }],
  features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
});
createServer(provider.callback()).listen(port, '127.0.0.1', () => console.log('listening'));
