import type { Inventory } from '../machines/machine.ts';
import { type Mac, parseMac } from '../net/mac.ts';
import { Refusal } from './refusal.ts';

/** What a request's query or form said: a repeated key is a list. */
export type Values = Readonly<Record<string, unknown>>;

const INVENTORY_FIELDS = [
  'uuid',
  'serial',
  'asset',
  'manufacturer',
  'product',
  'buildarch',
  'platform',
] as const satisfies readonly (keyof Inventory)[];

/** Longest inventory value kept, characters. */
const INVENTORY_LENGTH = 128;

/** Reads a hardware address a machine gave; throws a Refusal when there is none or it isn't one. */
export function requireMac(value: unknown): Mac {
  const text = first(value);
  if (text === '') throw new Refusal(400, 'the hardware address is missing: ask with ?mac=52-54-00-12-34-56');
  const mac = parseMac(text);
  if (!mac)
    throw new Refusal(
      400,
      `${JSON.stringify(clean(text, 40))} is not a hardware address like 52-54-00-12-34-56`,
    );
  return mac;
}

/** What a machine says about itself in its query; empty values are left out, others cleaned and cut. */
export function readInventory(query: Values): Inventory {
  const said = INVENTORY_FIELDS.map(
    (field) => [field, clean(first(query[field]), INVENTORY_LENGTH)] as const,
  );
  return Object.fromEntries(said.filter(([, value]) => value !== ''));
}

/** Text on one line: control characters become spaces, and the rest is cut to `length` characters. */
export function clean(text: string, length: number): string {
  return text
    .replace(/\p{C}+/gu, ' ')
    .trim()
    .slice(0, length);
}

/**
 * The text of a value; the first when the key was given more than once. iPXE doesn't escape `&` in what it reads from
 * SMBIOS, so a serial number can add keys after the real ones but never replace them.
 */
export function first(value: unknown): string {
  const one = Array.isArray(value) ? value[0] : value;
  return typeof one === 'string' ? one : '';
}
