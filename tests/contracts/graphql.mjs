// SPDX-License-Identifier: Apache-2.0
// Facts of a GraphQL description: a schema of only those types, fields and arguments that a document touches, and the
// arguments and members that must be there. Written as schema text, so that the document is checked by the reference
// implementation both against the whole schema and against what was kept.

import { buildSchema, getNamedType, isEnumType, isInputObjectType, isObjectType, isRequiredArgument, isRequiredInputField,
	isScalarType, parse, specifiedScalarTypes, TypeInfo, validate, visit, visitWithTypeInfo } from 'graphql';

const whole = new Map();
const schemaOf = (text) => {
	if (!whole.has(text))
		whole.set(text, buildSchema(text));
	return whole.get(text);
};

class Kept {
	types = new Map();
	note(type, member, text) {
		if (!this.types.has(type.name))
			this.types.set(type.name, { type, members: new Map() });
		if (member !== undefined)
			this.types.get(type.name).members.set(member, text);
	}
	leaf(type) {
		const named = getNamedType(type);
		if (isEnumType(named))
			named.getValues().forEach(({ name }) => this.note(named, name, name));
		else if (isScalarType(named) && !specifiedScalarTypes.some(({ name }) => name === named.name))
			this.note(named);
		else if (isInputObjectType(named))
			this.input(named, undefined);
	}
	/* Of an input: what is named in @value, and what must be there. */
	input(type, value) {
		this.note(type);
		for (const field of Object.values(type.getFields()))
			if (isRequiredInputField(field) || value?.[field.name] !== undefined) {
				const known = this.types.get(type.name).members.has(field.name);
				this.note(type, field.name, `${field.name}: ${field.type}`);
				if (isInputObjectType(getNamedType(field.type)))
					this.input(getNamedType(field.type), typeof value?.[field.name] === 'object' ? value[field.name] : undefined);
				else if (!known)
					this.leaf(field.type);
			}
	}
	print() {
		const word = (type) => (isObjectType(type) ? 'type' : isInputObjectType(type) ? 'input' : isEnumType(type) ? 'enum' : 'scalar');
		return [...this.types.values()].map(({ type, members }) => `${word(type)} ${type.name}` +
			(members.size === 0 ? (isScalarType(type) ? '' : ' { _: Int }') : ` { ${[...members.values()].join(', ')} }`)).sort();
	}
}

function keepValue(kept, type, node) {
	const named = getNamedType(type);
	const value = (at) => Object.fromEntries(at.fields.map((field) => [field.name.value, field.value.kind === 'ObjectValue' ? value(field.value) : true]));
	if (isInputObjectType(named))
		kept.input(named, node.kind === 'ObjectValue' ? value(node) : undefined);
	else
		kept.leaf(type);
}

/* @wrong: sentences of the reference implementation. */
export function graphqlFacts(text, request) {
	const schema = schemaOf(text);
	const document = parse(request.graphql);
	const wrong = checkDocument(schema, request);
	const info = new TypeInfo(schema);
	const kept = new Kept();

	if (wrong.length > 0)
		return { wrong };
	visit(document, visitWithTypeInfo(info, {
		Field(node) {
			const parent = info.getParentType();
			const field = info.getFieldDef();
			if (node.name.value.startsWith('__'))
				return;
			const args = field.args.filter((arg) => isRequiredArgument(arg) || node.arguments.some(({ name }) => name.value === arg.name));
			args.forEach((arg) => keepValue(kept, arg.type, node.arguments.find(({ name }) => name.value === arg.name)?.value ?? {}));
			kept.note(parent, node.name.value, node.name.value + (args.length === 0 ? '' : `(${args.map((arg) => `${arg.name}: ${arg.type}`).join(', ')})`) + `: ${field.type}`);
			kept.leaf(field.type);
		},
		VariableDefinition(node) {
			const type = getNamedType(info.getInputType());
			if (isInputObjectType(type))
				kept.input(type, request.variables?.[node.variable.name.value]);
		},
	}));
	return { kind: 'graphql', schema: kept.print(), wrong };
}

/* Members of a variable that the schema does not have, or needs. */
function checkVariable(type, value, path, say) {
	const named = getNamedType(type);
	if (!isInputObjectType(named) || typeof value !== 'object')
		return;
	const fields = named.getFields();
	for (const [name, each] of Object.entries(value))
		if (fields[name] === undefined)
			say(`${path} has no member '${name}'`);
		else
			checkVariable(fields[name].type, each, `${path}.${name}`, say);
	for (const field of Object.values(fields))
		if (isRequiredInputField(field) && value[field.name] === undefined)
			say(`${path} needs '${field.name}'`);
}

export function checkDocument(schema, request) {
	const document = parse(request.graphql);
	const wrong = validate(schema, document).map(({ message }) => message);
	const operation = document.definitions[0];

	for (const definition of operation.variableDefinitions) {
		const name = definition.variable.name.value;
		const value = request.variables?.[name];
		let type = definition.type;
		while (type.kind !== 'NamedType')
			type = type.type;
		if (value === undefined && definition.type.kind === 'NonNullType')
			wrong.push(`the variable '${name}' is not given`);
		if (value !== undefined && schema.getType(type.name.value) !== undefined)
			checkVariable(schema.getType(type.name.value), value, name, (text) => wrong.push(text));
	}
	for (const name of Object.keys(request.variables ?? {}))
		if (!operation.variableDefinitions.some(({ variable }) => variable.name.value === name))
			wrong.push(`there is no variable '${name}'`);
	/* What is projected is what is asked for. */
	for (const { from, path } of request.answer) {
		let at = operation.selectionSet;
		for (const word of [...from, ...path].slice(1).filter((each) => !/^\d+$/.test(each))) {
			at = at?.selections.find((each) => (each.alias ?? each.name)?.value === word)?.selectionSet ?? (at?.selections.some((each) => (each.alias ?? each.name)?.value === word) ? {} : null);
			if (at === null)
				break;
		}
		if (at === null)
			wrong.push(`does not ask for '${[...from, ...path].join('.')}'`);
	}
	return wrong;
}

/* A schema has to have something to ask for. */
export const keptSchema = (lines) =>
	buildSchema([...lines, ...(lines.some((line) => line.startsWith('type Query ')) ? [] : ['type Query { _: Int }'])].join('\n'));
