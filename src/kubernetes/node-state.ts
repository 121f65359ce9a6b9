/** What is read of a Node: `v1`, as the API server sends it. */
export interface NodeObject {
  readonly metadata?: {
    readonly name?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: {
    readonly nodeInfo?: { readonly bootID?: string };
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly lastTransitionTime?: string;
    }[];
  };
}

/** How far the boot of a node has come that it was last seen in. */
export interface NodeProgress {
  readonly bootId: string;
  /** It registered in this boot, rather than in one before we looked. */
  readonly registered: boolean;
  readonly ready: boolean;
}

/**
 * What a Node says about its machine's boot. A Node outlives its machine's boots, and says Ready for up to 50 seconds after
 * the power went: only a new boot ID tells that it is up again. A node seen for the first time counts as registered in the
 * boot that began at `bootBegan` (milliseconds) when it was made, or became Ready, after that.
 * Gives what was reached just now, in order.
 */
export function followNode(
  before: NodeProgress | undefined,
  node: NodeObject,
  bootBegan: number | undefined,
): { readonly progress: NodeProgress | undefined; readonly reached: readonly ('registered' | 'ready')[] } {
  const bootId = node.status?.nodeInfo?.bootID;
  if (!bootId) return { progress: before, reached: [] };
  const condition = node.status?.conditions?.find(({ type }) => type === 'Ready');
  const isReady = condition?.status === 'True';
  const sinceBoot = (time: string | undefined) =>
    // The API server's times are whole seconds.
    time !== undefined && bootBegan !== undefined && Date.parse(time) >= Math.floor(bootBegan / 1000) * 1000;

  const isNewBoot = before !== undefined && before.bootId !== bootId;
  const registered =
    isNewBoot ||
    before?.registered ||
    sinceBoot(node.metadata?.creationTimestamp) ||
    (isReady && sinceBoot(condition.lastTransitionTime));
  const sameBoot = isNewBoot ? undefined : before;
  const ready = registered && (isReady || sameBoot?.ready === true);
  return {
    progress: { bootId, registered, ready },
    reached: [
      ...(registered && !sameBoot?.registered ? (['registered'] as const) : []),
      ...(ready && !sameBoot?.ready ? (['ready'] as const) : []),
    ],
  };
}
