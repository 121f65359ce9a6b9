import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseSize } from '../config/units.ts';
import { ARCHES, type Arch, SOURCES } from '../images/request.ts';
import { configOption } from './config-folder.ts';
import { requireConfig } from './load.ts';

// What the commands do is loaded when one is called: other commands start faster without it.
const store = () => import('./images-store.ts');

/** Adds `images` and its commands to the command line. */
export function addImagesCommand(program: Command): void {
  const images = program
    .command('images')
    .description('pull, list, verify, import and remove what machines boot')
    .addHelpText(
      'after',
      `
A version appears below assets/ all at once, after its checksums and signatures were checked, and never changes after it. A pull that
was stopped goes on where it ended. Proxies are those of rackseed.yaml, else of http_proxy, https_proxy and no_proxy.

Examples:
  rackseed images key add Flatcar_Image_Signing_Key.asc   once: who vouches for Flatcar
  rackseed images pull flatcar kubernetes@v1.36           the newest stable Flatcar, and what a node runs
  rackseed images pull flatcar@4593.2.5 --arch arm64      a version, for another processor
  rackseed images pull flatcar@beta --follow              and let flatcar/current lead to it
  rackseed images import ~/archive/coreos-2512.3.0        Container Linux, from where it was kept`,
    );
  const add = (name: string, description: string, parent = images) =>
    parent.command(name).description(description).addOption(configOption());

  add('pull', 'download releases, check who vouches for them, and make them bootable')
    .argument(
      '<what...>',
      `${SOURCES.join(', ')}; after an @ the channel or version: flatcar@beta, kubernetes@v1.36`,
    )
    .addOption(new Option('--arch <arch>', "the machines' processor").choices(ARCHES).default('amd64'))
    .option('--follow', "let the family's current lead to it: flatcar/current")
    .option('--sysext', 'of kubernetes, the system extension for Flatcar instead of its programs')
    .addOption(new Option('--limit <size>', 'most bytes in a second: 10MiB').argParser(parseLimit))
    .action(
      async (
        wanted: string[],
        options: ConfigOption & { arch: Arch; follow?: true; limit?: number; sysext?: true },
      ) => {
        const stop = new AbortController();
        process.once('SIGINT', () =>
          stop.abort(new Error('it was stopped; the same command goes on with it')),
        );
        const { pullCommand } = await import('./images-pull.ts');
        process.exitCode = await pullCommand(
          await requireConfig(options.config),
          wanted,
          {
            arch: options.arch,
            follow: options.follow ?? false,
            sysext: options.sysext ?? false,
            limit: options.limit,
            signal: stop.signal,
          },
          process.stdout,
        );
      },
    );
  add('list', 'list what is below assets/: where it comes from, who uses it')
    .option('--json', 'as JSON')
    .action(async ({ config, json }: ConfigOption & { json?: true }) =>
      (await store()).listCommand(await requireConfig(config), json ?? false, process.stdout),
    );
  add('verify', 'read images again and compare them to what was pulled; exit status 1 when one is damaged')
    .argument('[name...]', 'all unless given')
    .action(async (names: string[], { config }: ConfigOption) => {
      process.exitCode = await (await store()).verifyCommand(
        await requireConfig(config),
        names,
        process.stdout,
      );
    });
  add('remove', 'remove images that nothing in the configuration uses')
    .argument('<name...>', 'family and version: flatcar/4593.2.5')
    .action(async (names: string[], { config }: ConfigOption) =>
      (await store()).removeCommand(await requireConfig(config), names, process.stdout),
    );
  add('import', 'take over an image from files, by the signatures that lie beside them')
    .argument('<path...>', 'a folder, or files')
    .option('--as <name>', 'family and version: debian/13; else what the names and version.txt tell')
    .option('--unsigned', 'take what nobody has signed, though releases of this family are')
    .action(async (paths: string[], options: ConfigOption & { as?: string; unsigned?: true }) =>
      (await store()).importCommand(await requireConfig(options.config), paths, options, process.stdout),
    );
  const key = images.command('key').description('the OpenPGP keys of those who sign images');
  add('add', 'add a public key that rackseed.yaml, or rackseed itself, names by fingerprint', key)
    .argument('<file>', 'armored or binary')
    .action(async (file: string, { config }: ConfigOption) =>
      (await store()).addKeyCommand(await requireConfig(config), file, process.stdout),
    );
  add('list', 'list who may sign what, and whose key is here', key).action(async ({ config }: ConfigOption) =>
    (await store()).listKeysCommand(await requireConfig(config), process.stdout),
  );
}

interface ConfigOption {
  readonly config: string;
}

function parseLimit(text: string): number {
  const bytes = parseSize(text);
  if (!bytes) throw new InvalidArgumentError('It must be a size such as 10MiB.');
  return bytes;
}
