import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump } from 'js-yaml';
import { packageRoot } from '../../src/lab/package-root.ts';
import { type Child, start } from '../../src/lab/process.ts';
import { type Contender, type Site, serverOf } from '../benchmark.ts';

/** What `npm run build` makes. */
export const RACKSEED = join(packageRoot, 'dist/main.js');

/** What differs from one benchmark to the next. */
export interface RackseedSettings {
  /** Added to `networks[0]`: subnets behind relay agents. */
  readonly network?: object;
  /** Added at the top level of rackseed.yaml. */
  readonly top?: object;
  /** By name; the first is what machines get that are not in `machines`. Unless given, machines boot from their disks. */
  readonly profiles?: Readonly<Record<string, object>>;
  readonly machines?: readonly object[];
}

/** rackseed as its users run it. */
export const rackseed: Contender = {
  name: 'rackseed',
  start: async (site) => serverOf(await launchRackseed(site)),
};

/**
 * Starts rackseed as its users do: dist/ under plain node. Every lease is on disk before its ACK leaves. New addresses aren't
 * looked at before they are offered, as they aren't by the peers here. Resolves when it says that it is ready.
 */
export async function launchRackseed(site: Site, settings: RackseedSettings = {}): Promise<Child> {
  await writeConfiguration(site, settings);
  const server = await start(site.namespace.command(serveCommand(site)));
  await server.waitFor(/"msg":"ready: /, 60_000);
  return server;
}

/** The command line of the service whose configuration is in the site's scratch folder. */
export function serveCommand({ scratch }: Site): string[] {
  return [process.execPath, RACKSEED, 'serve', '--config', scratch];
}

/** Where its store is. */
export function storeOf({ scratch }: Site): string {
  return join(scratch, 'store');
}

/** Writes the configuration into the site's scratch folder. */
export async function writeConfiguration(site: Site, settings: RackseedSettings = {}): Promise<void> {
  const { device, address, range, files, scratch } = site;
  const { network, top, profiles = { disk: { boot: { local_disk: true } } }, machines = [] } = settings;
  const rackseed = {
    networks: [
      {
        name: 'bench',
        interface: device,
        address: `${address}/16`,
        dhcp: {
          mode: 'authoritative',
          range: `${range.first}-${range.last}`,
          lease: '1h',
          conflict_check: false,
        },
        ...network,
      },
    ],
    unknown_machines: 'boot',
    default_profile: Object.keys(profiles)[0],
    assets: { directory: files, memory: '1GiB' },
    firmware: { directory: files },
    admin: { listen: `unix:${scratch}/admin.sock` },
    store: { lmdb: storeOf(site) },
    ...top,
  };
  await mkdir(join(scratch, 'profiles'));
  await mkdir(join(scratch, 'machines'));
  await writeFile(join(scratch, 'rackseed.yaml'), dump(rackseed));
  for (const [name, profile] of Object.entries(profiles)) {
    await writeFile(join(scratch, 'profiles', `${name}.yaml`), dump(profile));
  }
  await writeFile(join(scratch, 'machines/machines.yaml'), dump({ machines }));
}
