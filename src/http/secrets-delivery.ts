import { httpsUrl } from '../boot/plan.ts';
import { type Mac, macToHyphens } from '../net/mac.ts';
import type { SecretsDelivery } from '../provision/secrets.ts';
import type { ProvisioningContext } from './context.ts';

/** Where a machine fetches its keys, and by what it knows this server. `token` is the one for the keys. */
export function secretsDelivery(
  { network, bootCa }: Pick<ProvisioningContext, 'network' | 'bootCa'>,
  mac: Mac,
  token: string,
): SecretsDelivery {
  return { url: `${httpsUrl(network)}/secrets/${macToHyphens(mac)}?token=${token}`, caPem: bootCa() };
}
