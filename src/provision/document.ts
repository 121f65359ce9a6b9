import type { Profile } from '../config/config.ts';
import { renderCloudConfig } from './cloud-config.ts';
import { type CloudInitFile, renderCloudInit } from './cloud-init.ts';
import { renderIgnition } from './ignition.ts';
import type { IgnitionVersion } from './ignition-spec.ts';
import type { JoinMaterial } from './join.ts';
import { describeNode } from './node.ts';
import { fillPlaceholders } from './placeholders.ts';
import type { Variables } from './variables.ts';

/** One document of a machine, as it asks for it. */
export type DocumentRequest =
  | { readonly format: 'cloud-config' }
  | { readonly format: 'ignition'; readonly version: IgnitionVersion }
  | { readonly format: 'cloud-init'; readonly file: CloudInitFile };

/** What a document is made from. */
export interface DocumentSources {
  readonly profile: Profile;
  readonly variables: Variables;
  /** What the machine joins its cluster with; see `needsJoin`. */
  readonly join?: JoinMaterial;
  /** The Docker disk may be formatted whatever it holds. */
  readonly adoptDisk: boolean;
}

export interface RenderedDocument {
  readonly text: string;
  /** True when whoever reads it can act as the machine. */
  readonly secret: boolean;
}

/** True for a document that holds what the machine joins its cluster with. */
export function needsJoin(profile: Profile, request: DocumentRequest): boolean {
  if (request.format === 'cloud-init' && request.file !== 'user-data') return false;
  return profile.kubernetes?.role === 'worker';
}

/**
 * Writes a document of a machine. Throws a PlaceholderError when something in the profile can't be filled, and an
 * IgnitionVersionError when the version asked for can't say what the profile does.
 */
export function renderDocument(request: DocumentRequest, sources: DocumentSources): RenderedDocument {
  const { variables, join, adoptDisk } = sources;
  const profile = fillFragments(sources.profile, variables);
  const node = describeNode(profile, variables, join, adoptDisk);
  const secret = node.files.some((file) => file.secret);
  switch (request.format) {
    case 'cloud-config':
      return { text: renderCloudConfig(node, profile), secret };
    case 'ignition':
      return { text: renderIgnition(node, profile, request.version), secret };
    case 'cloud-init': {
      const { mac, hostname } = variables.machine;
      const { domain } = variables.network;
      const machine = { mac, hostname, ...(domain !== undefined && { domain }) };
      const { userData, metaData, vendorData, networkConfig } = renderCloudInit(node, profile, machine);
      const texts: Readonly<Record<CloudInitFile, string>> = {
        'user-data': userData,
        'meta-data': metaData,
        'vendor-data': vendorData,
        'network-config': networkConfig,
      };
      return { text: texts[request.file], secret: secret && request.file === 'user-data' };
    }
  }
}

/** The profile with the placeholders of what only one format can say filled. */
function fillFragments(profile: Profile, variables: Variables): Profile {
  const fill = (fragment: Profile['ignition'], key: string) =>
    fillPlaceholders(fragment, variables, `profile ${profile.name}, ${key}`) as NonNullable<typeof fragment>;
  return {
    ...profile,
    ...(profile.ignition && { ignition: fill(profile.ignition, 'ignition') }),
    ...(profile.cloudInit && { cloudInit: fill(profile.cloudInit, 'cloud_init') }),
  };
}
