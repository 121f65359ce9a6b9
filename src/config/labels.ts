// What the kubelet accepts as labels and taints. It ends at once when a label isn't allowed (NodeRestriction's list,
// k8s.io/kubelet/pkg/apis/well_known_labels.go), so such a node would never register.

/** Namespaces below kubernetes.io in which a kubelet may label its own node. */
const OWN_NAMESPACES = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const RESERVED_NAMESPACES = ['kubernetes.io', 'k8s.io'];

/** Single labels below kubernetes.io that a kubelet may set. */
const ALLOWED = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/arch',
  'kubernetes.io/os',
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/instance-type',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
]);

const NAME = /^(?=.{1,63}$)[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const NAMESPACE = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

/** Something wrong with a label or taint. */
export interface LabelFault {
  readonly message: string;
  readonly expected: string;
}

/** What is wrong with the key of a label that a node is to register with; undefined when nothing is. */
export function checkLabelKey(key: string): LabelFault | undefined {
  const fault = checkKey(key);
  if (fault) return fault;
  const namespace = key.includes('/') ? (key.split('/')[0] ?? '') : '';
  const within = (parents: readonly string[]) =>
    parents.some((parent) => namespace === parent || namespace.endsWith(`.${parent}`));
  if (!within(RESERVED_NAMESPACES) || within(OWN_NAMESPACES) || ALLOWED.has(key)) return undefined;
  if (namespace === 'node-role.kubernetes.io') {
    return { message: 'ends the kubelet: a node may not give itself a role', expected: 'role instead' };
  }
  return {
    message: 'ends the kubelet: a node may not label itself so',
    expected: `a key outside kubernetes.io and k8s.io, or in ${OWN_NAMESPACES.join(' or ')}`,
  };
}

/** What is wrong with the value of a label; undefined when nothing is, or when placeholders have yet to be filled. */
export function checkLabelValue(value: string): LabelFault | undefined {
  if (value === '' || isTemplate(value) || NAME.test(value)) return undefined;
  return {
    message: `${JSON.stringify(value)} is no value of a label`,
    expected: 'at most 63 letters, digits, dots, hyphens and underscores between letters or digits',
  };
}

/** What is wrong with a taint (`key=value:Effect`, `key:Effect`); undefined as for values. */
export function checkTaint(taint: string): LabelFault | undefined {
  if (isTemplate(taint)) return undefined;
  const [, key = '', value = '', effect = ''] = /^([^=:]+)(?:=([^:]*))?:(.*)$/.exec(taint) ?? [];
  if (key === '') {
    return { message: `${JSON.stringify(taint)} is no taint`, expected: 'key=value:Effect or key:Effect' };
  }
  if (!EFFECTS.includes(effect)) {
    return {
      message: `${JSON.stringify(effect)} is no effect of a taint`,
      expected: `one of ${EFFECTS.join(', ')}`,
    };
  }
  return checkKey(key) ?? checkLabelValue(value);
}

function checkKey(key: string): LabelFault | undefined {
  const [name = '', namespace, ...more] = key.split('/').reverse();
  const good = NAME.test(name) && more.length === 0 && (namespace === undefined || NAMESPACE.test(namespace));
  if (good) return undefined;
  return { message: `${JSON.stringify(key)} is no key of a label`, expected: 'name or example.com/name' };
}

function isTemplate(text: string): boolean {
  return text.includes('{{') || text.includes('{%');
}
