// SPDX-License-Identifier: Apache-2.0
// Prints docs/catalogue.md: node tests/contracts/table.mjs > docs/catalogue.md

import { readFileSync } from 'node:fs';
import { described, services } from './catalogue.mjs';

const json = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8'));

const HEAD = `<!-- SPDX-License-Identifier: Apache-2.0 -->
# The built-in services

Printed by \`node tests/contracts/table.mjs\` from \`catalog/*.yaml\` and \`tests/contracts/facts/\`; a test fails when it is
stale. No file was tried with a live account. What a tool sends and what is taken from the answer is compared with a
public description where one can be had as data, the provider's own but where it says otherwise here, of the version given
here, which may be older than the API;
\`valetkey service show SERVICE\` names it for each tool. A tool that names a vendor's page instead was written from what is
generally known of that API, and nothing compares it with the page.
`;

function sources(facts) {
	const documents = json('documents.json');
	const found = Object.entries(facts.documents).map(([name, { at, version }]) => `[${new URL(at).hostname}${new URL(at).pathname}](${at}), ${version}${documents[name].note === undefined ? '' : `: ${documents[name].note}`}`);
	return found.length === 0 ? 'pages only' : found.join('<br>');
}

export function table() {
	const count = (tools, effect) => tools.filter((tool) => tool.effect === effect).length;
	const kinds = (tools, kind) => tools.filter((tool) => described(tool).kind === kind).length;
	const all = services();
	const lines = all.map((service) => {
		const { tools } = service;
		return `| ${service.id} | ${count(tools, 'read')} | ${count(tools, 'write')} | ${count(tools, 'destructive')} | ` +
			`${kinds(tools, 'document')} | ${kinds(tools, 'page')} | ${kinds(tools, 'nothing')} | ${sources(json(`facts/${service.id}.json`))} |`;
	});
	const tools = all.flatMap((service) => service.tools);
	return `${HEAD}
${all.length} services, ${tools.length} tools: ${kinds(tools, 'document')} compared with a document, ${kinds(tools, 'page')} with a page alone, ${kinds(tools, 'nothing')} unverified.

| service | reads | writes | destroys | by document | by page | unverified | documents |
|---|---|---|---|---|---|---|---|
${lines.join('\n')}
`;
}

if (process.argv[1] === new URL(import.meta.url).pathname)
	process.stdout.write(table());
