import type { Config } from '../config/config.ts';
import { importImage } from '../images/import.ts';
import { addKeys, pinnedKeys } from '../images/keyring.ts';
import { readLibrary, removeImage, verifyImage } from '../images/library.ts';
import { formatBytes } from '../machines/units.ts';
import type { Output } from './check.ts';
import { formatJson } from './printable.ts';
import { formatTable } from './table.ts';
import { shortTime } from './times.ts';

/** `rackseed images list` */
export async function listCommand(config: Config, json: boolean, output: Output): Promise<void> {
  const { images, partial } = await readLibrary(config);
  if (json) {
    output.write(
      formatJson({
        images: images.map(({ name, size, manifest, uses, links }) => ({
          name,
          size,
          ...(manifest && { origin: manifest.origin, at: manifest.at }),
          ...(manifest?.signedBy !== undefined && { signedBy: manifest.signedBy }),
          uses: uses.map(({ what }) => what),
          links,
        })),
        partial,
      }),
    );
    return;
  }
  if (images.length === 0)
    output.write(
      `there is no image in ${config.assets.directory} yet: "rackseed images pull flatcar" gets one\n`,
    );
  else {
    const rows = images.map(({ name, size, manifest, uses, links }) => [
      name,
      formatBytes(size),
      manifest ? `${manifest.origin}, ${shortTime(manifest.at)}` : 'put there by hand',
      manifest?.signedBy?.slice(-16) ?? '-',
      [...uses.map(({ what }) => what), ...links.map((link) => `as ${link}`)].join(', ') || '-',
    ]);
    output.write(formatTable(['NAME', 'SIZE', 'FROM', 'SIGNED BY', 'USED BY'], rows));
  }
  for (const { name, size } of partial) {
    output.write(
      `${name} was not pulled to its end: ${formatBytes(size)} are here; pull it again to go on, or remove it\n`,
    );
  }
}

/** `rackseed images verify [NAME…]`; gives the exit status. */
export async function verifyCommand(
  config: Config,
  names: readonly string[],
  output: Output,
): Promise<number> {
  const { directory } = config.assets;
  const wanted = names.length > 0 ? names : (await readLibrary(config)).images.map(({ name }) => name);
  let status = 0;
  for (const name of wanted) {
    const { faults, isKnown } = await verifyImage(directory, name);
    if (faults.length > 0) status = 1;
    if (!isKnown) output.write(`${name}: put there by hand; there is nothing to compare it to\n`);
    else if (faults.length === 0) output.write(`${name}: is what was pulled\n`);
    else output.write(`${name}: ${faults.join('; ')}. Pull it again, and what is wrong is replaced\n`);
  }
  return status;
}

/** `rackseed images remove NAME…` */
export async function removeCommand(config: Config, names: readonly string[], output: Output): Promise<void> {
  for (const name of names) {
    await removeImage(config, name);
    output.write(`${name} is gone\n`);
  }
}

/** `rackseed images import PATH…` */
export async function importCommand(
  config: Config,
  paths: readonly string[],
  { as, unsigned = false }: { readonly as?: string; readonly unsigned?: boolean },
  output: Output,
): Promise<void> {
  const request = { paths, as, unsigned };
  const parts = { assets: config.assets.directory, settings: config.images };
  const { image, files, signedBy } = await importImage(request, parts);
  const voucher = signedBy === undefined ? 'as they were, without a signature' : `signed by ${signedBy}`;
  output.write(`${image} is here: ${files.join(', ')}, ${voucher}\n`);
}

/** `rackseed images key add FILE` */
export async function addKeyCommand(config: Config, file: string, output: Output): Promise<void> {
  for (const { fingerprint, families, path } of await addKeys(file, config.images)) {
    output.write(`${fingerprint} may sign ${families.join(', ')} images: it is in ${path}\n`);
  }
}

/** `rackseed images key list` */
export async function listKeysCommand(config: Config, output: Output): Promise<void> {
  const keys = await pinnedKeys(config.images);
  const rows = keys.map(({ family, fingerprint, user }) => [
    family,
    fingerprint,
    user ?? 'not here yet: "rackseed images key add FILE"',
  ]);
  output.write(formatTable(['SIGNS', 'FINGERPRINT', 'KEY'], rows));
}
