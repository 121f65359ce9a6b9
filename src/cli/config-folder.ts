import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Option } from 'commander';

/** Where an installed rackseed has its configuration. */
export const SYSTEM_CONFIG = '/etc/rackseed';

/** The folder of the configuration when no option names it: `config` of a checkout that is the working directory, else the system's. */
export function defaultConfigFolder(): string {
  return existsSync(join('config', 'rackseed.yaml')) || !existsSync(SYSTEM_CONFIG) ? 'config' : SYSTEM_CONFIG;
}

/** The option of every command that reads a configuration. */
export function configOption(): Option {
  const description = 'the folder with rackseed.yaml, profiles/ and machines/';
  return new Option('--config <dir>', description).default(defaultConfigFolder());
}
