import type { DocumentFormat, Profile } from '../config/config.ts';
import { renderCloudConfig } from './cloud-config.ts';
import { type CloudInitFile, renderCloudInit } from './cloud-init.ts';
import { renderIgnition } from './ignition.ts';
import { DEFAULT_IGNITION_VERSION, type IgnitionVersion } from './ignition-spec.ts';
import type { JoinMaterial } from './join.ts';
import { describeNode, type NodeDescription } from './node.ts';
import { fillPlaceholders } from './placeholders.ts';
import { type PreloadedArchive, preloadUrl } from './preload.ts';
import { ignitionPointer, SECRETS_UNIT, type SecretsDelivery, splitSecrets } from './secrets.ts';
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
  /** How the machine fetches what is secret; without it, and where the profile wants it so, the document holds it. */
  readonly delivery?: SecretsDelivery;
  /** The archives of the profile's `preload`. */
  readonly preloads?: readonly PreloadedArchive[];
}

export interface RenderedDocument {
  readonly text: string;
  /** What the document makes the machine fetch; absent when it holds all there is. */
  readonly secondStage?: SecondStage;
}

/** The second part of a document, which is fetched by TLS. */
export interface SecondStage {
  /** Media type. */
  readonly type: 'application/json' | 'application/x-tar';
  readonly body: Uint8Array;
}

/** The request for the document of that format that describes the node. */
export function mainRequest(format: DocumentFormat): DocumentRequest {
  switch (format) {
    case 'ignition':
      return { format, version: DEFAULT_IGNITION_VERSION };
    case 'cloud-init':
      return { format, file: 'user-data' };
    case 'cloud-config':
      return { format };
  }
}

/** True for a document that describes the node; false for those of cloud-init's files that only lead to it. */
export function describesNode(request: DocumentRequest): boolean {
  return request.format !== 'cloud-init' || request.file === 'user-data';
}

/** True for a document that holds what the machine joins its cluster with, or makes the machine fetch it. */
export function needsJoin(profile: Profile, request: DocumentRequest): boolean {
  return describesNode(request) && profile.kubernetes?.role === 'worker';
}

/**
 * Writes a document of a machine. With a `delivery`, an Ignition configuration only points to the real one, and the others
 * leave out the files that hold keys, which a unit fetches. Throws a PlaceholderError when something in the profile can't
 * be filled, and an IgnitionVersionError when the version asked for can't say what the profile does.
 */
export function renderDocument(request: DocumentRequest, sources: DocumentSources): RenderedDocument {
  const { variables, join, adoptDisk, preloads } = sources;
  const profile = fillFragments(sources.profile, variables);
  const { boot } = profile;
  const delivery = boot.kind === 'image' && boot.secrets === 'https' ? sources.delivery : undefined;
  if (request.format === 'ignition') {
    const node = describeNode(profile, variables, join, adoptDisk, undefined, preloads);
    const config = renderIgnition(node, profile, request.version);
    if (!delivery) return { text: config };
    const body = Buffer.from(config);
    return {
      text: ignitionPointer(delivery, config, request.version),
      secondStage: { type: 'application/json', body },
    };
  }
  const whole = describeNode(profile, variables, join, adoptDisk, delivery, preloads);
  const fetches = whole.units.some(({ name }) => name === SECRETS_UNIT);
  const { node, archive } = fetches ? splitSecrets(whole) : { node: whole, archive: undefined };
  const text =
    request.format === 'cloud-config'
      ? renderCloudConfig(node, profile)
      : cloudInitFile(request.file, node, profile, variables);
  return {
    text,
    ...(archive && describesNode(request) && { secondStage: { type: 'application/x-tar', body: archive } }),
  };
}

/** In the place of a certificate that only the service has. */
export const HIDDEN_CA = 'The CA of SERVER\n';

/** In the place of what is other at each boot and nobody else's business. */
const HIDDEN: SecretsDelivery = {
  url: 'https://SERVER/secrets/MAC?token=TOKEN',
  caPem: HIDDEN_CA,
};

/**
 * A document as people may see it: without keys, and without what opens them. An Ignition configuration is the one that the
 * machine fetches in its second step.
 */
export function previewDocument(
  request: DocumentRequest,
  sources: Omit<DocumentSources, 'join' | 'delivery' | 'preloads'>,
): string {
  const { preload = [] } = sources.profile;
  const { url } = sources.variables.server;
  return renderDocument(request, {
    ...sources,
    preloads: preload.map((path) => ({ url: preloadUrl(url, path), sha256: 'SHA256' })),
    ...(request.format !== 'ignition' && { delivery: HIDDEN }),
  }).text;
}

function cloudInitFile(
  file: CloudInitFile,
  node: NodeDescription,
  profile: Profile,
  { machine: { mac, hostname }, network: { domain } }: Variables,
): string {
  const machine = { mac, hostname, ...(domain !== undefined && { domain }) };
  const documents = renderCloudInit(node, profile, machine);
  switch (file) {
    case 'user-data':
      return documents.userData;
    case 'meta-data':
      return documents.metaData;
    case 'vendor-data':
      return documents.vendorData;
    case 'network-config':
      return documents.networkConfig;
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
