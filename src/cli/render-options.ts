import type { DocumentFormat } from '../config/config.ts';

/** What `rackseed render` can print. */
export const RENDER_FORMATS = ['cloud-config', 'ignition', 'cloud-init', 'ipxe'] as const;

/** The options of `rackseed render`. */
export interface RenderOptions {
  /** As if the machine had this profile. */
  readonly profile?: string;
  /** This one only, as it is, whatever the image reads. */
  readonly format?: DocumentFormat | 'ipxe';
  /** What would change if the machine were given `profile`. */
  readonly diff?: boolean;
}
