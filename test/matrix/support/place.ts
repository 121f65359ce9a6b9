import type { ExecutionContext } from 'ava';
import { tapCommands } from '../../../src/lab/namespace.ts';
import { type Namespace, rackFor } from '../../support/netns.ts';
import { OTHER_DHCP, type OtherDhcp, otherDhcpFor } from '../../support/other-dhcp.ts';
import { type RELAYS, relayFor, remoteWireFor } from '../../support/relay.ts';
import { type ServiceSettings, serviceFor, type TestService } from '../../support/service.ts';

/** What is between a machine and the service. */
export interface Way {
  /** A DHCP server that gives the addresses; the service is a proxy then. */
  readonly beside?: OtherDhcp;
  /** A relay agent, with the machine on the wire behind it. */
  readonly relay?: keyof typeof RELAYS;
}

/** Where a machine is plugged in. */
export interface Place {
  readonly service: TestService;
  /** Where the service runs. */
  readonly server: Namespace;
  /** The namespace of the machine's wire. */
  readonly namespace: Namespace;
  /** The machine's end of its cable. */
  readonly tap: string;
}

const OURS = '192.168.0.254';
const TAP = 'vm1';

/**
 * Builds a network with the real service and what stands in the way, for the length of a test: everything in a namespace of
 * its own, three of them with a relay agent (the server's, the router's with the machine's wire, and another server's).
 */
export async function placeFor(
  t: ExecutionContext,
  { beside, relay }: Way,
  settings: ServiceSettings,
): Promise<Place> {
  const rack = await rackFor(t, 0);
  const wire = relay && (await remoteWireFor(t, rack, 0));
  if (beside) await otherDhcpFor(t, beside, { namespace: rack.server, bridge: 'rack0' });
  const service = await serviceFor(t, rack.server, {
    ...settings,
    ...(beside && { dhcp: { mode: 'proxy', range: undefined } }),
    ...(wire && {
      network: { relayed: [{ subnet: '10.1.0.0/24', range: '10.1.0.100-10.1.0.149', router: '10.1.0.1' }] },
    }),
  });
  if (relay && wire) await relayFor(t, wire, relay, beside ? [OURS, OTHER_DHCP.address] : [OURS]);
  const namespace = wire?.router ?? rack.server;
  await namespace.ip(...tapCommands(TAP, wire ? 'down0' : 'rack0'));
  return { service, server: rack.server, namespace, tap: TAP };
}
