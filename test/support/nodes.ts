import type { Profile } from '../../src/config/config.ts';
import type { NodeDescription, NodeFile, NodeUnit } from '../../src/provision/node.ts';

/** A node of which only what is given is said. */
export function node(parts: Partial<NodeDescription> = {}): NodeDescription {
  return { sshAuthorizedKeys: [], users: [], files: [], units: [], coreos: {}, adoptDisk: false, ...parts };
}

/** A file of a profile. */
export function file(path: string, content: string | Uint8Array, parts: Partial<NodeFile> = {}): NodeFile {
  return { path, content: Buffer.from(content), origin: 'profile worker', secret: false, ...parts };
}

/** A unit of a profile. */
export function unit(name: string, parts: Partial<NodeUnit> = {}): NodeUnit {
  const origin = 'profile worker';
  return { name, dropIns: [], enable: false, mask: false, runtime: false, origin, ...parts };
}

/** A profile called worker that boots an image of the family and reads a document of the format. */
export function profile(
  document: 'cloud-config' | 'ignition' | 'cloud-init',
  family: string,
  parts: Partial<Profile> = {},
): Profile {
  const boot = {
    kind: 'image' as const,
    image: `${family}/1`,
    kernel: 'vmlinuz',
    initrds: ['initrd.img'],
    args: [],
    document,
    secrets: 'https' as const,
  };
  return { name: 'worker', chain: ['worker'], boot, ...parts };
}

/** Texts that break a document which is put together carelessly. */
export const HOSTILE: readonly string[] = [
  'a\nb: c',
  'a: b',
  '# comment',
  '"quoted" \\ back',
  "it's",
  '{{ machine.mac }}',
  '- a',
  '&anchor',
  '!!binary x',
  '---',
  '',
  ' ',
  '\n',
  'yes',
  'null',
  '0644',
  '12:34:56',
  '#cloud-config',
  'a\u0000b',
  '\u0085\u2028\ufeff\u{1f600}',
  'tab\there',
  '%n %% $private_ipv4 $HOME',
  '</script>',
];
