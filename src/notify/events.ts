/** What happens to messages to webhooks, for whoever watches. `hook` is the origin of its URL: `https://hooks.example.com`. */
export type NotifyEvent =
  /** `failures`: how many tries failed before this one. */
  | { readonly type: 'delivered'; readonly hook: string; readonly failures: number }
  /** A try failed, the first or another one in a row; it is made again after `pause` milliseconds. */
  | {
      readonly type: 'failed';
      readonly hook: string;
      readonly failures: number;
      readonly reason: string;
      readonly pause: number;
    }
  /** Messages that will not be sent; `first` for the first of them since the last that was delivered. */
  | {
      readonly type: 'given-up';
      readonly hook: string;
      /** `overflow`: too many wait · `too-old`: it was tried for long enough. */
      readonly reason: 'overflow' | 'too-old';
      readonly messages: number;
      readonly first: boolean;
    }
  /** What happened before the service began can't be told: the journal doesn't have it any more. */
  | { readonly type: 'gap'; readonly hook: string };
