import type { Logger } from 'pino';
import type { ClusterSettings, ConfigSource } from './config/config.ts';
import { openClusterApi } from './kubernetes/api.ts';
import type { KubernetesEvent } from './kubernetes/events.ts';
import { createJoiner, type Joiner } from './kubernetes/joiner.ts';
import { nodeLabels } from './kubernetes/node-labels.ts';
import { startNodeWatcher, type WatchedMachine } from './kubernetes/node-watcher.ts';
import { logKubernetes } from './log-events.ts';
import { HostnameIndex } from './machines/hostnames.ts';
import type { Identifier } from './machines/identifier.ts';
import type { MachineRegistry } from './machines/registry.ts';
import { formatIpv4 } from './net/ipv4.ts';
import type { Mac } from './net/mac.ts';
import { HIDDEN_CA } from './provision/document.ts';
import { offersOf } from './provision/offers.ts';
import { fillPlaceholders } from './provision/placeholders.ts';
import { buildVariables } from './provision/variables.ts';

export interface ClusterParts {
  readonly config: ConfigSource;
  readonly registry: MachineRegistry;
  readonly identifier: Identifier;
  /** The card that a machine booted with, by any of its cards: they share its name. */
  readonly mainCard: (mac: Mac) => Mac;
  readonly logger: Logger;
  /** A machine's node has come so far. */
  readonly onNode: (mac: Mac, stage: 'registered' | 'ready') => void;
}

/** The service's side of the cluster that machines join. */
export interface ClusterService {
  readonly joiner: Joiner;
  stop(): Promise<void>;
}

/**
 * Starts what speaks for machines at the cluster. Nothing here waits for the API server, and it need not answer.
 * Throws an Error when the settings don't suffice.
 */
export function openCluster(cluster: ClusterSettings, parts: ClusterParts): ClusterService {
  const { config, registry, identifier, logger, onNode } = parts;
  const observe = (event: KubernetesEvent) => logKubernetes(logger, event);
  const hostnames = new HostnameIndex({
    machines: () => [...config().machines.keys(), ...[...registry.all()].map(({ mac }) => mac)],
    hostnameOf: (mac) => identifier.lookUp(mac).hostname,
  });
  const machineNamed = (nodeName: string) => {
    const card = hostnames.find(nodeName, Date.now());
    return card === undefined ? undefined : parts.mainCard(card);
  };

  const { kubeconfig } = cluster;
  const api = kubeconfig === undefined ? undefined : openClusterApi({ kubeconfig, observe });
  const joiner = createJoiner(cluster, {
    ...(api && { api }),
    addresses: (nodeName) => {
      const mac = machineNamed(nodeName);
      if (mac === undefined) return undefined;
      const addresses = [registry.get(mac)?.address, config().machines.get(mac)?.address];
      return addresses.flatMap((address) => (address === undefined ? [] : formatIpv4(address)));
    },
    observe,
  });
  const stopWatching =
    api &&
    startNodeWatcher({
      api,
      machine: (nodeName) => {
        const mac = machineNamed(nodeName);
        return mac === undefined ? undefined : watchedMachine(mac, parts);
      },
      onReached: (nodeName, stage) => {
        const mac = machineNamed(nodeName);
        if (mac !== undefined) onNode(mac, stage);
      },
      observe,
    });
  return {
    joiner,
    async stop() {
      stopWatching?.();
      await joiner.stop();
    },
  };
}

function watchedMachine(mac: Mac, parts: ClusterParts): WatchedMachine {
  const bootBegan = parts.registry.get(mac)?.boot?.began;
  return { labels: () => labelsOf(mac, parts), ...(bootBegan !== undefined && { bootBegan }) };
}

function labelsOf(mac: Mac, { config, registry, identifier, logger }: ClusterParts): Record<string, string> {
  const seen = registry.get(mac);
  const identity = identifier.lookUp(mac);
  const network = config().networks.find(({ name }) => name === seen?.network);
  if (!seen || !network || identity.admission !== 'boot' || !identity.profile.kubernetes) return {};
  const { name, kubernetes } = identity.profile;
  const { inventory, address } = seen;
  try {
    const offers = offersOf({ config: config(), network, address, bootCa: HIDDEN_CA });
    const variables = buildVariables({ identity, network, inventory, address, offers });
    const labels = fillPlaceholders(kubernetes.labels, variables, `profile ${name}, kubernetes.labels`);
    return nodeLabels({ role: kubernetes.role, labels: labels as Record<string, string> });
  } catch (error) {
    logger.error({ mac }, `${identity.hostname} gets no labels: ${(error as Error).message}`);
    return {};
  }
}
