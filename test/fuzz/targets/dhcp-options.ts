import assert from 'node:assert/strict';
import {
  decodeOption,
  describeOption,
  encodeOption,
  NAMED_OPTIONS,
  type OptionType,
  type OptionValues,
} from '../../../src/dhcp/options.ts';
import type { FuzzTarget } from '../target.ts';

const TYPES: readonly OptionType[] = [
  'ipv4',
  'ipv4_list',
  'uint8',
  'uint16',
  'uint32',
  'int32',
  'boolean',
  'string',
  'domain_list',
  'classless_routes',
  'hex',
];
/** A pointer of two bytes can stand for a name of 255. */
const MAX_EXPANSION = 128;

const encoded = <Type extends OptionType>(type: Type, value: OptionValues[Type]): Buffer =>
  Buffer.from([TYPES.indexOf(type), ...encodeOption(type, value)]);

/** The values of options; the input's first byte chooses the type. */
export const target: FuzzTarget = {
  name: 'dhcp-options',
  about: 'the value of one option, of each type',
  seeds: () => [
    ...TYPES.map((_, type) => Buffer.from([type, 1, 2, 3, 4])),
    encoded('domain_list', ['kubernetes.local', 'a.example']),
    Buffer.concat([encoded('domain_list', ['kubernetes.local']), Buffer.of(1, 0x61, 0xc0, 11)]),
    encoded('string', 'rack 7'),
    Buffer.from([TYPES.indexOf('classless_routes'), 24, 10, 0, 7, 10, 0, 0, 1, 0, 10, 0, 0, 1]),
  ],
  tokens: () => [
    Buffer.of(0xc0, 0),
    Buffer.of(0xc0, 2),
    Buffer.of(1, 0x61),
    Buffer.of(1, 0x61, 0),
    Buffer.of(32),
  ],
  maxLength: 2_048,
  limit: 100,
  run(bytes) {
    const type = TYPES[(bytes[0] ?? 0) % TYPES.length] ?? 'hex';
    assert.notEqual(describeOption(bytes[0] ?? 0), '');
    for (const [name, option] of NAMED_OPTIONS) assert.ok(name !== '' && option.code > 0);
    return [`${type} ${check(type, bytes.subarray(1))}`];
  },
};

/** What is decoded has an encoding, which is decoded to the same. */
function check<Type extends OptionType>(type: Type, bytes: Uint8Array): string {
  const value = decodeOption(type, bytes);
  if (value === undefined) return 'malformed';
  assert.ok(
    JSON.stringify(value).length <= 64 + MAX_EXPANSION * bytes.length,
    'the value is too large for its bytes',
  );
  assert.deepEqual(decodeOption(type, encodeOption(type, value)), value);
  return 'read';
}
