// SPDX-License-Identifier: Apache-2.0
// Derives the facts of tests/contracts/facts/*.json from the public descriptions, which are not kept here:
//   node tests/contracts/derive.mjs DIRECTORY [SERVICE …]
// DIRECTORY holds each description under the file name that documents.json gives; where to get one is there too.

import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { described, requests, services } from './catalogue.mjs';
import { read } from './description.mjs';
import { check, derive } from './facts.mjs';
import { graphqlFacts } from './graphql.mjs';

const here = (name) => new URL(name, import.meta.url);
const documents = JSON.parse(readFileSync(here('documents.json'), 'utf8'));
const { positionals: [directory, ...only] } = parseArgs({ allowPositionals: true });
const loaded = new Map();

async function description(name) {
	const document = documents[name];
	if (document === undefined)
		throw new Error(`documents.json has no '${name}'`);
	if (!loaded.has(name)) {
		const file = document.package === undefined ? join(directory, document.file) : here(`../node_modules/${document.package}/${document.file}`);
		if (!existsSync(file))
			throw new Error(`${name} is not at ${file}`);
		const text = readFileSync(file, 'utf8');
		const module = document.form === 'endpoints' ? (await import(file)).default : undefined;
		loaded.set(name, { ...read(document, text, module), text, sha256: createHash('sha256').update(text).digest('hex') });
	}
	return loaded.get(name);
}

/* One request a line, so that a change is a line of the difference. */
const print = ({ documents: named, tools }) => `{\n\t"documents": ${JSON.stringify(named, null, '\t').replaceAll('\n', '\n\t')},\n\t"tools": {\n` +
	Object.entries(tools).map(([name, about]) => `\t\t${JSON.stringify(name)}: ` +
		(Array.isArray(about) ? `[\n${about.map((each) => `\t\t\t${JSON.stringify(each)}`).join(',\n')}\n\t\t]` : JSON.stringify(about))).join(',\n') + '\n\t}\n}\n';

let wrong = 0;
for (const service of services().filter(({ id }) => only.length === 0 || only.includes(id))) {
	const facts = { documents: {}, tools: {} };
	for (const tool of service.tools ?? []) {
		const about = described(tool);
		if (about.kind !== 'document') {
			facts.tools[tool.name] = about;
			continue;
		}
		const from = await description(about.document);
		const { version, at } = documents[about.document];
		facts.documents[about.document] = { at, version, sha256: from.sha256 };
		facts.tools[tool.name] = requests(service, tool).map((request, i) => {
			const found = request.graphql === undefined ? derive(from, about.operations[i], request) : graphqlFacts(from.text, request);
			const sentences = found === undefined ? [`${service.id} ${tool.name}: there is no ${about.operations[i]}`]
				: request.graphql === undefined ? check(service, tool, request, found) : found.wrong.map((each) => `${service.id} ${tool.name}: ${each}`);
			sentences.forEach((sentence) => console.log(sentence));
			wrong += sentences.length;
			delete found?.wrong;
			return found ?? null;
		});
	}
	writeFileSync(here(`facts/${service.id}.json`), print(facts));
	console.log(`${service.id}: ${Object.keys(facts.tools).length} tools`);
}
process.exit(wrong === 0 ? 0 : 1);
