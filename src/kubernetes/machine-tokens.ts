import type { ClusterApi } from './api.ts';
import { explainApiError } from './api-error.ts';
import type { GrantedToken } from './csr-approval.ts';
import type { KubernetesEvent } from './events.ts';
import { retry } from './retry.ts';
import { type BootstrapToken, makeToken, TOKEN_LIFETIME, tokenSecret, tokenSecretName } from './tokens.ts';

/** A machine that asks again so soon repeats the request of the same boot, milliseconds. */
const SAME_BOOT = 2 * 60_000;
/** A kubelet needs its token until it has fetched its certificate; that takes it a moment, milliseconds. */
const FETCH_TIME = 30_000;
const DELETE_ATTEMPTS = 4;

type DeletedFor = Extract<KubernetesEvent, { type: 'token-deleted' }>['reason'];

interface MachineToken {
  readonly token: BootstrapToken;
  readonly nodeName: string;
  readonly mac: string;
  /** Milliseconds since the epoch. */
  readonly made: number;
  /** Deletes it when its time is over. */
  ending: NodeJS.Timeout;
  /** The request that was approved with it. */
  usedFor?: string;
  isIssued?: boolean;
}

export interface MachineTokensOptions {
  readonly api: ClusterApi;
  readonly observe: (event: KubernetesEvent) => void;
}

/** The bootstrap tokens in use: one for each machine that is joining. */
export class MachineTokens {
  readonly #options: MachineTokensOptions;
  readonly #tokens = new Map<string, MachineToken>();
  /** Tokens being made, by machine. */
  readonly #making = new Map<string, Promise<BootstrapToken>>();
  readonly #stopping = new AbortController();

  constructor(options: MachineTokensOptions) {
    this.#options = options;
  }

  /** Whose token has the id; undefined when it isn't one of these. */
  find(id: string): GrantedToken | undefined {
    const found = this.#tokens.get(id);
    return (
      found && {
        id,
        nodeName: found.nodeName,
        ...(found.usedFor !== undefined && { usedFor: found.usedFor }),
      }
    );
  }

  /**
   * A token for a machine at `now` (milliseconds): the one of this boot, else a new one that replaces what the machine
   * had before. Rejects with the API client's error when the API server doesn't take it.
   */
  async for(nodeName: string, mac: string, now: number): Promise<BootstrapToken> {
    const machine = `${nodeName} ${mac}`;
    const making = this.#making.get(machine) ?? this.#make(nodeName, mac, now);
    this.#making.set(machine, making);
    try {
      return await making;
    } finally {
      this.#making.delete(machine);
    }
  }

  /** Notes that a request came with the token and was approved: no other will be. */
  use(id: string, csrName: string): void {
    const found = this.#tokens.get(id);
    if (found) found.usedFor = csrName;
  }

  /** Notes that a machine's certificate is there to be fetched: its token goes in a moment. */
  issued(csrName: string): void {
    for (const found of this.#tokens.values()) {
      if (found.usedFor !== csrName || found.isIssued) continue;
      found.isIssued = true;
      clearTimeout(found.ending);
      found.ending = setTimeout(() => this.#delete(found.token.id, 'used'), FETCH_TIME).unref();
    }
  }

  /** Deletes all tokens, as far as the API server lets it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.allSettled(this.#making.values());
    await Promise.all([...this.#tokens.keys()].map((id) => this.#delete(id, 'stopping')));
  }

  async #make(nodeName: string, mac: string, now: number): Promise<BootstrapToken> {
    const { api, observe } = this.#options;
    const before = [...this.#tokens.values()].filter((found) => found.nodeName === nodeName);
    const current = before.find(
      (found) => found.mac === mac && found.usedFor === undefined && now - found.made < SAME_BOOT,
    );
    if (current) return current.token;
    const token = makeToken();
    await api.createSecret(tokenSecret(token, nodeName, mac, now + TOKEN_LIFETIME));
    const ending = setTimeout(() => this.#delete(token.id, 'expired'), TOKEN_LIFETIME).unref();
    this.#tokens.set(token.id, { token, nodeName, mac, made: now, ending });
    observe({ type: 'token-made', nodeName, mac, tokenId: token.id });
    for (const { token: old } of before) void this.#delete(old.id, 'replaced');
    return token;
  }

  async #delete(id: string, reason: DeletedFor): Promise<void> {
    const found = this.#tokens.get(id);
    if (!found) return;
    this.#tokens.delete(id);
    clearTimeout(found.ending);
    const { api, observe } = this.#options;
    const doing = 'deleting bootstrap tokens';
    try {
      await retry(DELETE_ATTEMPTS, this.#stopping.signal, () => api.deleteSecret(tokenSecretName(id)));
      api.report(doing, undefined);
      observe({ type: 'token-deleted', nodeName: found.nodeName, tokenId: id, reason });
    } catch (error) {
      api.report(doing, `${explainApiError(error)}; they end by themselves after 15 minutes`);
    }
  }
}
