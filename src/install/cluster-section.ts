import { dump } from 'js-yaml';
import { says } from '../kubernetes/administrator.ts';

/** What `kubernetes` in rackseed.yaml is to say, by its keys there. */
export interface ClusterSection {
  readonly server: string;
  readonly ca: string;
  readonly kubeconfig: string;
  readonly join: 'token';
  readonly cluster_dns?: readonly string[];
  readonly cluster_domain?: string;
}

/** What has to be done with a rackseed.yaml. */
export type SectionEdit =
  | { readonly kind: 'none' }
  /** The whole file, with only its section changed. */
  | { readonly kind: 'edit'; readonly text: string }
  /** Somebody wrote a section of their own, which is left alone; `section` is what it should say. */
  | { readonly kind: 'by-hand'; readonly section: string };

const KEY = 'kubernetes';
/** The key with which the service would issue certificates itself. */
const CA_KEY = 'ca_key';

/**
 * Puts the cluster into rackseed.yaml. A section as it ships, or none, is changed in its lines only, so that comments stay; one
 * that somebody has edited is not.
 * @param read reads a rackseed.yaml
 * @param shipped the text of the rackseed.yaml that ships
 */
export function editSection(
  text: string,
  shipped: string,
  wanted: ClusterSection,
  read: (text: string) => unknown,
): SectionEdit {
  const sectionOf = (file: string) => (read(file) as Record<string, unknown> | undefined)?.[KEY];
  const isRight = (section: unknown) => says(section, wanted) && !hasKey(section, CA_KEY);
  const section = sectionOf(text);
  if (isRight(section)) return { kind: 'none' };
  const isShipped = section !== undefined && JSON.stringify(section) === JSON.stringify(sectionOf(shipped));
  const edited =
    section === undefined ? withSection(text, wanted) : isShipped ? withLines(text, wanted) : text;
  return isRight(sectionOf(edited))
    ? { kind: 'edit', text: edited }
    : { kind: 'by-hand', section: sectionText(wanted) };
}

function withSection(text: string, wanted: ClusterSection): string {
  return `${text.replace(/\n*$/, '\n')}\n# The cluster that machines join.\n${sectionText(wanted)}`;
}

/**
 * Each key's line with its new value; its comment goes with the old one, and a key that has no line gets one. A section that
 * isn't written in lines stays as it is.
 */
function withLines(text: string, wanted: ClusterSection): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => new RegExp(`^${KEY}: *(?:#.*)?$`).test(line)) + 1;
  if (start === 0) return text;
  const rest = lines.findIndex((line, index) => index >= start && !/^(?: |$)/.test(line));
  const end = rest === -1 ? lines.length : rest;
  const section = lines.slice(start, end);
  if (section.some((line) => !/^(?: {2}\S.*)?$/.test(line))) return text;
  const ofKey = (key: string) => new RegExp(`^  (?:# )?${key}:`);
  const kept = section.filter((line) => !ofKey(CA_KEY).test(line));
  for (const [key, value] of Object.entries(wanted)) {
    const line = `  ${lineOf(key, value)}`;
    const at = kept.findIndex((before) => ofKey(key).test(before));
    if (at !== -1) kept[at] = line;
    else kept.splice(kept.findLastIndex((before) => before.trim() !== '') + 1, 0, line);
  }
  return [...lines.slice(0, start), ...kept, ...lines.slice(end)].join('\n');
}

function sectionText(wanted: ClusterSection): string {
  const lines = Object.entries(wanted).map(([key, value]) => `  ${lineOf(key, value)}\n`);
  return `${KEY}:\n${lines.join('')}`;
}

function lineOf(key: string, value: unknown): string {
  return `${key}: ${dump(value, { flowLevel: 0, lineWidth: -1 }).trimEnd()}`;
}

function hasKey(section: unknown, key: string): boolean {
  return typeof section === 'object' && section !== null && key in section;
}
