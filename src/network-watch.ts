import type { Network } from './config/config.ts';
import { type InterfaceWatchOptions, watchInterface } from './net/interface-watch.ts';
import type { TroubleReport } from './troubles.ts';

/**
 * Says when a network can't be served because of its interface, and when it can again, and tells when the interface's MTU,
 * so far `mtu` bytes, is another one. Gives the function that ends it.
 */
export function watchNetwork(
  { name, interface: device, address, subnet }: Network,
  mtu: number,
  troubles: TroubleReport,
  { onReplaced, onBack, onMtu }: Pick<InterfaceWatchOptions, 'onReplaced' | 'onBack' | 'onMtu'>,
): () => void {
  const subject = `network ${name}`;
  return watchInterface({
    ...{ interface: device, address, prefix: subnet.prefix, mtu, onReplaced, onMtu },
    onTrouble: (reason) =>
      troubles.begin(subject, `nothing is served on network ${name} until this is mended: ${reason}`),
    onBack() {
      onBack();
      troubles.end(subject, `interface ${device} is as it should be: network ${name} is served again`);
    },
  });
}
