import type { ApiClient } from '../api-client/client.ts';
import type { ShownMachine } from '../api-client/types.ts';
import { didYouMean } from '../config/similar.ts';
import { type Mac, parseMac } from '../net/mac.ts';

/** Names told in an error at most. */
const TOLD = 8;

/**
 * The machine that somebody means by its hardware address, in any usual notation, or by its host name. Throws an Error that tells
 * the candidates when no machine or more than one is called so.
 */
export async function findMachine(client: ApiClient, text: string): Promise<Mac> {
  return parseMac(text) ?? chooseByName(text, await client.machines());
}

/** The one machine that is called `name`, whatever its case. Throws as `findMachine`. */
export function chooseByName(name: string, machines: readonly ShownMachine[]): Mac {
  const wanted = name.toLowerCase();
  const [found, ...more] = machines.filter(({ hostname }) => hostname.toLowerCase() === wanted);
  if (found && more.length === 0) return found.mac as Mac;
  if (found) {
    throw new Error(
      `${more.length + 1} machines are called "${name}": name one by its address, ${list([found, ...more])}`,
    );
  }
  const similar = machines.filter(({ hostname }) => hostname.toLowerCase().includes(wanted));
  if (wanted !== '' && similar.length > 0) {
    throw new Error(`no machine is called "${name}"; there is ${list(similar)}`);
  }
  const known = machines.map(({ hostname }) => hostname);
  throw new Error(
    `no machine is called "${name}"${didYouMean(name, known) || ': "rackseed machines" tells who there is'}`,
  );
}

/** `worker-01 (52:54:00:00:00:01), worker-02 (52:54:00:00:00:02) and 3 more` */
function list(machines: readonly ShownMachine[]): string {
  const told = machines.slice(0, TOLD).map(({ hostname, mac }) => `${hostname} (${mac})`);
  const rest = machines.length - told.length;
  return `${told.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
