import fc from 'fast-check';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { Compile, type Validator } from 'typebox/compile';

/** A part of a JSON Schema, as far as the API uses it. */
export interface SchemaNode {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly SchemaNode[];
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
}

/** One route of an OpenAPI document. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required?: boolean;
    readonly schema: SchemaNode;
  }[];
  /** Bodies by media type. */
  readonly bodies: Readonly<Record<string, { readonly schema: SchemaNode }>>;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: SchemaNode }>> }>
  >;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, RawOperation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaNode>> };
}

interface RawOperation {
  readonly parameters?: Operation['parameters'];
  readonly requestBody?: { readonly content: Operation['bodies'] };
  readonly responses: Operation['responses'];
}

/** All routes of the API that `app` describes, and how to check answers against it. */
export async function readOpenApi(app: FastifyInstance): Promise<{
  readonly operations: Operation[];
  readonly fault: (operation: Operation, answer: Answer) => string | undefined;
}> {
  const document = (await app.inject('/openapi.json')).json() as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, raw]): Operation => ({
        method: method.toUpperCase() as Operation['method'],
        path,
        parameters: raw.parameters ?? [],
        bodies: raw.requestBody?.content ?? {},
        responses: raw.responses,
      }),
    ),
  );
  const validators = new Map<SchemaNode, Validator>();
  const validatorOf = (schema: SchemaNode) => {
    let validator = validators.get(schema);
    if (!validator) {
      validator = Compile(resolve(schema, document.components.schemas) as object);
      validators.set(schema, validator);
    }
    return validator;
  };
  return { operations, fault: (operation, answer) => faultOf(operation, answer, validatorOf) };
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** What is wrong with an answer to an operation; undefined when the document allows it. */
function faultOf(
  { responses }: Operation,
  { statusCode, headers, body }: Answer,
  validatorOf: (schema: SchemaNode) => Validator,
): string | undefined {
  const response = responses[statusCode] ?? responses[`${Math.floor(statusCode / 100)}XX`];
  if (!response) return `status ${statusCode} is not in the document`;
  if (!response.content) return body === '' ? undefined : 'has a body';
  const type = String(headers['content-type']).split(';')[0] ?? '';
  const content = response.content[type];
  if (!content) return `type ${type} is not in the document`;
  const value = type.endsWith('json') ? JSON.parse(body) : body;
  const [error] = validatorOf(content.schema).Errors(value);
  return error && `${error.instancePath} ${error.message}`;
}

function resolve(schema: unknown, named: Document['components']['schemas']): unknown {
  if (Array.isArray(schema)) return schema.map((part) => resolve(part, named));
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('$ref' in schema) return resolve(named[String(schema.$ref).split('/').at(-1) ?? ''], named);
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, resolve(part, named)]));
}

/** Values that a schema allows. */
export function valid(schema: SchemaNode): fc.Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(valid));
  switch (schema.type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum ?? -1000, max: schema.maximum ?? 1000 });
    case 'object':
      return validObject(schema);
    default:
      return schema.pattern === undefined
        ? fc.string({ maxLength: Math.min(schema.maxLength ?? 50, 50), unit: 'grapheme' })
        : fc.stringMatching(new RegExp(schema.pattern), { maxLength: 60 });
  }
}

function validObject({
  properties = {},
  patternProperties = {},
  required = [],
}: SchemaNode): fc.Arbitrary<object> {
  const [pattern] = Object.entries(patternProperties);
  if (pattern) {
    const key = fc.stringMatching(new RegExp(pattern[0]), { maxLength: 20 });
    return fc.dictionary(key, valid(pattern[1]), { maxKeys: 4 });
  }
  const fields = Object.fromEntries(Object.entries(properties).map(([name, node]) => [name, valid(node)]));
  return fc.record(fields, { requiredKeys: required.filter((name) => name in fields) });
}

/** Requests of an operation that the document allows. */
export function validRequest(operation: Operation): fc.Arbitrary<InjectOptions> {
  return requestOf(operation, (schema) => valid(schema));
}

/** Requests of an operation that hold anything, sense among it. */
export function anyRequest(operation: Operation): fc.Arbitrary<InjectOptions> {
  const anything = fc.oneof(
    fc.anything(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('', null, -1, 1e99, '__proto__', '%00'),
  );
  return requestOf(operation, (schema) => fc.oneof(anything, valid(schema)));
}

function requestOf(
  { method, path, parameters, bodies }: Operation,
  value: (schema: SchemaNode) => fc.Arbitrary<unknown>,
): fc.Arbitrary<InjectOptions> {
  const parts = (place: string) =>
    fc.record(
      Object.fromEntries(
        parameters.filter((one) => one.in === place).map(({ name, schema }) => [name, value(schema)]),
      ),
      {
        requiredKeys:
          place === 'path' ? parameters.filter((one) => one.in === place).map(({ name }) => name) : [],
      },
    );
  const contents = Object.entries(bodies).map(([type, { schema }]) =>
    value(schema).map((body): Body => ({ type, body: textOf(type, body) })),
  );
  const body = contents.length === 0 ? fc.constant<Body>({}) : fc.oneof(...contents);
  return fc.record({ path: parts('path'), query: parts('query'), headers: parts('header'), body }).map(
    ({ path: names, query, headers, body: { type, body: payload } }): InjectOptions => ({
      method,
      url: path.replace(
        /\{(\w+)\}/g,
        (_, name: string) => encodeURIComponent(plain((names as Named)[name])) || '-',
      ),
      query: Object.fromEntries(Object.entries(query as Named).map(([name, one]) => [name, plain(one)])),
      headers: {
        ...Object.fromEntries(
          Object.entries(headers as Named).map(([name, one]) => [name, header(plain(one))]),
        ),
        ...(type !== undefined && { 'content-type': type }),
      },
      ...(payload !== undefined && { payload }),
    }),
  );
}

/** A body and its media type; neither for a request without. */
interface Body {
  readonly type?: string;
  readonly body?: string;
}

type Named = Readonly<Record<string, unknown>>;

function textOf(type: string, body: unknown): string {
  if (!type.endsWith('json')) return plain(body);
  try {
    return JSON.stringify(body) ?? '';
  } catch {
    return '{';
  }
}

function plain(value: unknown): string {
  try {
    return Buffer.from(String(value)).toString();
  } catch {
    return 'nothing';
  }
}

/** What can be in a header at all (RFC 9110, section 5.5). */
function header(text: string): string {
  return text.replace(/[^\t\x20-\x7e]/g, '?').trim();
}
