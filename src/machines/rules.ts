import type { Config, PortEntry, RuleMatch, SelectionRule } from '../config/config.ts';
import type { Mac } from '../net/mac.ts';
import type { Inventory } from './machine.ts';

/** What is known about a machine besides its hardware address. */
export interface MachineFacts {
  readonly inventory?: Inventory;
  /** Name of the network it was seen on. */
  readonly network?: string;
  /** The entry for the port where it is plugged in. */
  readonly port?: PortEntry;
}

/** The rule that chose a machine's profile. */
export interface RuleChoice {
  readonly rule: SelectionRule | undefined;
  /** `machines/rules.yaml: rules[2]: product matches PowerEdge*`; undefined when no rule matches. */
  readonly reason: string | undefined;
  /** False when a rule before this one asks for what the machine has yet to tell, so that the choice may change. */
  readonly settled: boolean;
}

/** Whether a condition holds; `unknown` until the machine has told what it asks for. */
type Verdict = 'yes' | 'no' | 'unknown';
type Condition = (mac: Mac, facts: MachineFacts) => Verdict;

interface CompiledRule {
  readonly rule: SelectionRule;
  readonly conditions: readonly Condition[];
  readonly reason: string;
}

const compiled = new WeakMap<Config, readonly CompiledRule[]>();

/** The first rule that matches a machine. */
export function chooseRule(config: Config, mac: Mac, facts: MachineFacts): RuleChoice {
  let settled = true;
  for (const { rule, conditions, reason } of rulesOf(config)) {
    const verdict = verdictOf(conditions, mac, facts);
    if (verdict === 'yes') return { rule, reason, settled };
    if (verdict === 'unknown') settled = false;
  }
  return { rule: undefined, reason: undefined, settled };
}

/** Rules are matched for every DHCP packet, so their texts are prepared once for each configuration. */
function rulesOf(config: Config): readonly CompiledRule[] {
  let rules = compiled.get(config);
  if (!rules) {
    rules = config.rules.map(compile);
    compiled.set(config, rules);
  }
  return rules;
}

function verdictOf(conditions: readonly Condition[], mac: Mac, facts: MachineFacts): Verdict {
  let verdict: Verdict = 'yes';
  for (const condition of conditions) {
    const one = condition(mac, facts);
    if (one === 'no') return 'no';
    if (one === 'unknown') verdict = 'unknown';
  }
  return verdict;
}

/** The keys of a rule that compare texts, and where the texts come from. */
const TEXTS: Readonly<Record<TextKey, (facts: MachineFacts) => string | undefined>> = {
  uuid: ({ inventory }) => told(inventory, 'uuid'),
  serial: ({ inventory }) => told(inventory, 'serial'),
  manufacturer: ({ inventory }) => told(inventory, 'manufacturer'),
  product: ({ inventory }) => told(inventory, 'product'),
  arch: ({ inventory }) => told(inventory, 'buildarch'),
  network: ({ network }) => network,
};
type TextKey = Exclude<keyof RuleMatch, 'mac' | 'macPrefix'>;

/**
 * What a machine told about itself; undefined when it has yet to. iPXE always tells the architecture, so a machine that
 * told it has left out what it doesn't have.
 */
function told(inventory: Inventory = {}, field: keyof Inventory): string | undefined {
  return inventory[field] ?? (inventory.buildarch === undefined ? undefined : '');
}

function compile(rule: SelectionRule): CompiledRule {
  const { mac, macPrefix, ...texts } = rule.match;
  const conditions: Condition[] = [];
  const reasons: string[] = [];
  if (mac !== undefined) {
    conditions.push((own) => (own === mac ? 'yes' : 'no'));
    reasons.push(`mac is ${mac}`);
  }
  if (macPrefix !== undefined) {
    conditions.push((own) => (own.startsWith(macPrefix) ? 'yes' : 'no'));
    reasons.push(`mac begins with ${macPrefix}`);
  }
  for (const [key, text] of Object.entries(texts) as [TextKey, string][]) {
    const read = TEXTS[key];
    const matches = textPattern(text);
    conditions.push((_, facts) => {
      const value = read(facts);
      if (value === undefined) return 'unknown';
      return matches(value) ? 'yes' : 'no';
    });
    reasons.push(`${key} ${text.includes('*') ? 'matches' : 'is'} ${text}`);
  }
  return { rule, conditions, reason: `${rule.place}: ${reasons.join(', ')}` };
}

/** Compares texts with a pattern, without regard to case; `*` stands for any characters, none included. */
export function textPattern(pattern: string): (text: string) => boolean {
  const [start = '', ...parts] = pattern.toLowerCase().split('*');
  const end = parts.pop();
  if (end === undefined) return (text) => text.toLowerCase() === start;
  return (text) => {
    const lower = text.toLowerCase();
    if (!lower.startsWith(start)) return false;
    let at = start.length;
    for (const part of parts) {
      const found = lower.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return lower.length - at >= end.length && lower.endsWith(end);
  };
}
