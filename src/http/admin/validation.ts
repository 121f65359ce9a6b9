import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import type { TLocalizedValidationError } from 'typebox/error';
import { Value } from 'typebox/value';

const PARTS: Readonly<Record<string, string>> = {
  querystring: 'the query',
  params: 'the path',
  headers: 'the headers',
  body: 'the body',
};

/**
 * Prepares the check of one part of a request. Texts of the path and the query become the numbers and booleans that the
 * schema wants; a body is taken as it is, and an absent one as an empty object. The schema is compiled for the first request.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = 'body' }) => {
  let compiled: Validator | undefined;
  const isText = httpPart === 'querystring' || httpPart === 'params';
  return (given: unknown) => {
    compiled ??= Compile(schema);
    const validator = compiled;
    const absent = httpPart === 'body' && (given === null || given === undefined);
    const value = isText ? Value.Convert(schema, given) : absent ? {} : given;
    if (validator.Check(value)) return { value: isText ? Value.Default(schema, value) : value };
    const [error] = validator.Errors(value);
    return { error: new Error(describe(PARTS[httpPart] ?? httpPart, error)) };
  };
};

/** `the query: limit must be <= 1000` */
function describe(part: string, error: TLocalizedValidationError | undefined): string {
  if (!error) return `${part} is not as it should be`;
  const place = error.instancePath.slice(1).replaceAll('/', '.');
  const told = error.keyword === 'additionalProperties' ? unknownKeys(error) : error.message;
  return `${part}: ${place === '' ? told : `${place} ${told}`}; /docs/ tells what is expected`;
}

function unknownKeys(error: TLocalizedValidationError): string {
  const { additionalProperties = [] } = error.params as { additionalProperties?: readonly string[] };
  return `must not have ${additionalProperties.map((key) => JSON.stringify(key)).join(', ')}`;
}
