import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where an installed rackseed has its configuration. */
export const SYSTEM_CONFIG = '/etc/rackseed';

/** The folder of the configuration when no option names it: `config` of a checkout that is the working directory, else the system's. */
export function defaultConfigFolder(): string {
  return existsSync(join('config', 'rackseed.yaml')) || !existsSync(SYSTEM_CONFIG) ? 'config' : SYSTEM_CONFIG;
}
