import { readBootFileName } from './boot/boot-file-name.ts';
import type { FirmwareFolder } from './boot/firmware-folder.ts';
import { type BootFileContext, bootFileFor } from './http/boot-files.ts';
import type { ProvisioningContext } from './http/context.ts';
import { machineScriptFor, tokenFor } from './http/machine-routes.ts';
import { findFile, type ServedFile } from './http/served-file.ts';
import { bootFileAt } from './images/pin.ts';
import { type Mac, parseMac } from './net/mac.ts';
import { createSharedFiles } from './shared-files.ts';
import type { TftpBackend } from './tftp/server.ts';

/** What the files are found with. */
export interface TftpFileParts {
  readonly context: BootFileContext & Pick<ProvisioningContext, 'config' | 'checkFile'>;
  readonly firmware: FirmwareFolder;
  /** The serial number that a machine told. */
  readonly serialOf: (mac: Mac) => string | undefined;
}

/** A machine's own iPXE script. */
const SCRIPT_NAME = /^([0-9a-f-]{17})\.ipxe$/i;
const ASSETS = 'assets/';

/**
 * The virtual tree that TFTP serves: a machine's script by its hardware address, what lies in the firmware folder, the files
 * that loaders ask for by themselves, and below `assets/` the kernel and initrds of the machine that asks, for loaders
 * without HTTP.
 */
export function createTftpFiles({ context, firmware, serialOf }: TftpFileParts): TftpBackend {
  const share = createSharedFiles();
  return {
    async find(file, { address }) {
      const mac = parseMac(SCRIPT_NAME.exec(file)?.[1] ?? '');
      if (mac) {
        const token = await tokenFor(context, mac, address, 'tftp');
        const answer = machineScriptFor(context, mac, serialOf(mac), token);
        return answer && Buffer.from(answer.script);
      }
      const found = await firmware.read(file);
      if (found) return found;
      const asked = readBootFileName(file);
      if (asked) {
        const made = await bootFileFor(context, asked, address, 'tftp');
        return made && Buffer.from(made.text);
      }
      const asset = await findAsset(context, file, address);
      return asset && share(asset);
    },
  };
}

/** A file that the machine at an address boots. Others are refused: TFTP keeps a file in memory as long as it is sent. */
async function findAsset(
  { config, machineAt, identify, checkFile }: TftpFileParts['context'],
  file: string,
  address: string,
): Promise<ServedFile | undefined> {
  const mac = file.startsWith(ASSETS) ? machineAt(address) : undefined;
  const machine = mac && identify(mac);
  if (machine?.admission !== 'boot' || machine.profile.boot.kind !== 'image') return undefined;
  const path = file.slice(ASSETS.length);
  if (bootFileAt(machine.profile.boot, path) === undefined) return undefined;
  const { directory, memory } = config().assets;
  const asset = await findFile(directory, path);
  if (asset && asset.size > memory) {
    throw new Error(`${file} is larger than assets.memory (${memory} bytes) and can only be had by HTTP`);
  }
  if (asset) await checkFile(asset);
  return asset;
}
