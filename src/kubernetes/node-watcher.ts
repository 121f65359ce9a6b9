import type { ClusterApi } from './api.ts';
import { explainApiError } from './api-error.ts';
import type { KubernetesEvent } from './events.ts';
import { followNode, type NodeObject, type NodeProgress } from './node-state.ts';
import { retry } from './retry.ts';

const ATTEMPTS = 5;

/** What is known here of the machine that a node is. */
export interface WatchedMachine {
  /** When the boot going on began, milliseconds since the epoch; undefined when it never booted here. */
  readonly bootBegan?: number;
  /** Labels that its node shall have; asked for once in a boot. */
  readonly labels: () => Readonly<Record<string, string>>;
}

export interface NodeWatcherOptions {
  readonly api: ClusterApi;
  /** The machine whose node has the name; undefined when it is none of ours. */
  readonly machine: (nodeName: string) => WatchedMachine | undefined;
  /** A machine's node has registered, or became ready, in the boot going on. */
  readonly onReached: (nodeName: string, stage: 'registered' | 'ready') => void;
  readonly observe: (event: KubernetesEvent) => void;
}

/** Follows the nodes that are machines of ours, and gives them their labels at each boot. Returns its end. */
export function startNodeWatcher({ api, machine, onReached, observe }: NodeWatcherOptions): () => void {
  const stopping = new AbortController();
  const nodes = new Map<string, NodeProgress>();
  /** In which boot a node was given its labels; they are its administrator's to change until the next. */
  const labelled = new Map<string, string>();

  const setLabels = async (nodeName: string, bootId: string, labels: Readonly<Record<string, string>>) => {
    labelled.set(nodeName, bootId);
    const doing = 'setting node labels';
    try {
      await retry(ATTEMPTS, stopping.signal, () => api.label(nodeName, labels));
      api.report(doing, undefined);
      observe({ type: 'labelled', nodeName, labels });
    } catch (error) {
      // The node's next change is another chance.
      labelled.delete(nodeName);
      if (!stopping.signal.aborted) api.report(doing, explainApiError(error));
    }
  };

  const onNode = (node: NodeObject) => {
    const nodeName = node.metadata?.name ?? '';
    const known = machine(nodeName);
    if (!known) return;
    const { progress, reached } = followNode(nodes.get(nodeName), node, known.bootBegan);
    if (!progress) return;
    nodes.set(nodeName, progress);
    for (const stage of reached) onReached(nodeName, stage);
    if (labelled.get(nodeName) === progress.bootId) return;
    const has = node.metadata?.labels ?? {};
    const missing = Object.entries(known.labels()).filter(([key, value]) => has[key] !== value);
    if (missing.length > 0) void setLabels(nodeName, progress.bootId, Object.fromEntries(missing));
    else labelled.set(nodeName, progress.bootId);
  };

  const stopWatching = api.watch('nodes', (node) => onNode(node as NodeObject));
  return () => {
    stopping.abort();
    stopWatching();
  };
}
