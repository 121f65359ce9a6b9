import { Type } from 'typebox';
import type { Config } from '../../config/config.ts';
import { documentOf } from '../../config/document-format.ts';
import { subnetsOf } from '../../config/subnets.ts';
import { contains, formatIpv4, type Ipv4 } from '../../net/ipv4.ts';
import type { AdminContext, AdminNetwork, AdminRoutes } from './context.ts';
import { readAllImages } from './images.ts';
import { badCursor } from './machine-routes.ts';
import { LeasesQuery } from './requests.ts';
import {
  Change,
  Image,
  Lease,
  NetworkUse,
  Profile,
  ref,
  Settings,
  type ShownNetwork,
  type ShownProfile,
} from './schemas.ts';
import { showSettings } from './settings.ts';
import { allMachines, pageOf } from './slices.ts';
import { showChange, showLease } from './views.ts';

const tags = ['Service'];

/** The routes that show what isn't one machine's: leases, networks, profiles, images, settings, the audit trail. */
export function addRackRoutes(app: AdminRoutes, context: AdminContext): void {
  const { rack, journal, config, networks, version } = context;

  app.get(
    '/v1/leases',
    {
      schema: {
        tags,
        summary: 'Addresses that are or were leased, by network and address',
        querystring: LeasesQuery,
        response: {
          200: Type.Object({
            leases: Type.Array(ref(Lease)),
            next: Type.Optional(Type.String({ description: 'cursor of the next page' })),
          }),
        },
      },
    },
    async ({ query: { limit = 100, cursor } }) => {
      const leases = [...networks()].flatMap(({ name, leases }) =>
        Array.from(leases.leases(), (lease) => ({ name, lease })),
      );
      const page = await pageOf(leases, ({ name, lease }) => [name, lease.address], { limit, cursor });
      if (!page) throw badCursor();
      return {
        leases: page.items.map(({ name, lease }) => showLease(name, lease)),
        ...(page.next !== undefined && { next: page.next }),
      };
    },
  );

  app.get(
    '/v1/networks',
    {
      schema: {
        tags,
        summary: 'Provisioning networks: who gives the addresses, and how many are in use',
        response: { 200: Type.Object({ networks: Type.Array(ref(NetworkUse)) }) },
      },
    },
    () => ({
      networks: Array.from(networks(), (network) => showNetwork(network, config(), Date.now())).filter(
        (network) => network !== undefined,
      ),
    }),
  );

  app.get(
    '/v1/profiles',
    {
      schema: {
        tags,
        summary: 'Profiles, and how many machines have each',
        response: { 200: Type.Object({ profiles: Type.Array(ref(Profile)) }) },
      },
    },
    async () => {
      const machines = new Map<string, number>();
      for (const { profile } of await allMachines(rack)) {
        if (profile !== undefined) machines.set(profile, (machines.get(profile) ?? 0) + 1);
      }
      return { profiles: showProfiles(config(), machines) };
    },
  );

  app.get(
    '/v1/images',
    {
      schema: {
        tags,
        summary: 'Images that profiles boot or that are here, and which of their files are missing',
        response: { 200: Type.Object({ images: Type.Array(ref(Image)) }) },
      },
    },
    async () => ({ images: await readAllImages(config()) }),
  );

  app.get(
    '/v1/settings',
    {
      schema: {
        tags,
        summary: 'The configuration in force, without keys',
        response: { 200: ref(Settings) },
      },
    },
    () => showSettings(config(), version),
  );

  app.get(
    '/v1/changes',
    {
      schema: {
        tags,
        summary: 'The audit trail: who changed what, the newest first',
        response: { 200: Type.Object({ changes: Type.Array(ref(Change)) }) },
      },
    },
    () => ({ changes: journal.changes().map(showChange) }),
  );
}

/** A network and the use of its addresses at `now` (milliseconds); undefined for one that is not in the configuration any more. */
export function showNetwork(
  { name, leases, dhcp }: AdminNetwork,
  { networks, machines, ports }: Config,
  now: number,
): ShownNetwork | undefined {
  const network = networks.find((candidate) => candidate.name === name);
  if (!network) return undefined;
  const { subnet, address } = network;
  const subnets = subnetsOf(network);
  const ranges = subnets.flatMap((settings) => settings.ranges);
  const isPooled = (lease: Ipv4) => ranges.some(({ first, last }) => first <= lease && lease <= last);
  const running = [...leases.leases()].filter((lease) => lease.expires > now && isPooled(lease.address));
  const leased = running.filter(({ mac }) => mac !== undefined).length;
  const isReserved = (reserved: Ipv4 | undefined) =>
    reserved !== undefined && subnets.some((settings) => contains(settings.subnet, reserved));
  return {
    name,
    interface: network.interface,
    address: `${formatIpv4(address)}/${subnet.prefix}`,
    dhcp: {
      mode: network.dhcp.mode,
      role: dhcp.role,
      ...(dhcp.otherServer !== undefined && { otherServer: formatIpv4(dhcp.otherServer) }),
    },
    pool: { size: leases.size, leased, quarantined: running.length - leased },
    reservations: [...machines.values(), ...ports].filter((machine) => isReserved(machine.address)).length,
  };
}

function showProfiles({ profiles }: Config, machines: ReadonlyMap<string, number>): ShownProfile[] {
  return [...profiles.values()].map((profile) => {
    const document = documentOf(profile);
    return {
      name: profile.name,
      chain: [...profile.chain],
      ...(profile.boot.kind === 'image' && { image: profile.boot.image }),
      ...(document && { document }),
      kubernetes: profile.kubernetes !== undefined,
      machines: machines.get(profile.name) ?? 0,
    };
  });
}
