// SPDX-License-Identifier: Apache-2.0
// Walks the schemas of public descriptions, whatever form the description has. A schema is followed through its
// references and alternatives; what it leaves open is said to be OPEN, not guessed.

export const OPEN = Symbol('open');
const DEPTH = 12;

function expand(find, schema, depth = 0) {
	if (schema === undefined || schema === null || schema === true || depth > DEPTH)
		return [];
	if (schema.$ref !== undefined)
		return expand(find, find(schema.$ref), depth + 1);
	const rest = ['allOf', 'oneOf', 'anyOf'].flatMap((word) =>
		(schema[word] ?? []).flatMap((each) => expand(find, each, depth + 1)));
	/* Slack writes alternatives as the items of something that is no list. */
	if (Array.isArray(schema.items) && schema.type === undefined)
		return schema.items.flatMap((each) => expand(find, each, depth + 1));
	return [schema, ...rest];
}

const hasAlternatives = (schema) => ['allOf', 'oneOf', 'anyOf'].some((word) => schema[word] !== undefined);
const typeOf = (schema) => (Array.isArray(schema.type) ? schema.type.filter((t) => t !== 'null')[0] : schema.type);

function isOpen(schema) {
	if (schema.properties !== undefined || schema.items !== undefined || hasAlternatives(schema))
		return schema.additionalProperties === true;
	return typeOf(schema) === undefined || (typeOf(schema) === 'object' && schema.additionalProperties !== false);
}

/* The schemas of a member, OPEN where anything may stand there, or null where there is none of that name. */
function member(find, schemas, name) {
	const found = [];

	for (const schema of schemas) {
		if (/^\d+$/.test(name) && schema.items !== undefined)
			found.push(...expand(find, schema.items));
		else if (schema.properties?.[name] !== undefined)
			found.push(...expand(find, schema.properties[name]), {});
		else if (typeof schema.additionalProperties === 'object' && Object.keys(schema.additionalProperties).length > 0)
			found.push(...expand(find, schema.additionalProperties), {});
	}
	if (found.length > 0)
		return found.filter((schema, i) => i < found.length - 1 || Object.keys(schema).length > 0);
	return schemas.length === 0 || schemas.some(isOpen) ? OPEN : null;
}

/* Of a list its elements; what is no list stays. */
const elements = (find, schemas) =>
	schemas.flatMap((schema) => (schema.items === undefined ? [schema] : expand(find, schema.items)));

/* Follows a path; @each: first into the elements of a list. Answers schemas, OPEN or null. */
export function follow(find, schema, path, each = false) {
	let at = expand(find, schema);

	if (at.length === 0)
		return OPEN;
	if (each)
		at = elements(find, at);
	for (const name of path) {
		at = member(find, at, name);
		if (at === OPEN || at === null)
			return at;
	}
	return at;
}

/* Names that must be there, of all alternatives. */
export function required(find, schema, depth = 0) {
	if (schema === undefined || depth > DEPTH)
		return [];
	if (schema.$ref !== undefined)
		return required(find, find(schema.$ref), depth + 1);
	const all = [...(Array.isArray(schema.required) ? schema.required : []),
		...(schema.allOf ?? []).flatMap((each) => required(find, each, depth + 1))];
	for (const word of ['oneOf', 'anyOf']) {
		const sets = (schema[word] ?? []).map((each) => required(find, each, depth + 1));
		if (sets.length > 0)
			all.push(...sets[0].filter((name) => sets.every((set) => set.includes(name))));
	}
	return [...new Set(all)];
}

/* One word for what a value is: string, integer, number, boolean, array, object or any. */
export function kind(schemas) {
	if (schemas === OPEN)
		return 'any';
	const types = new Set(schemas.map((schema) => typeOf(schema)).filter((type) => type !== undefined && type !== 'null'));
	return types.size === 1 ? [...types][0] : 'any';
}
