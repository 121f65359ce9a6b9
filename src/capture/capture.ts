/** One frame as it was recorded. */
export interface Frame {
  /** Milliseconds since the epoch; undefined for a frame without a time. */
  readonly at: number | undefined;
  /** LINKTYPE of the interface (tcpdump.org/linktypes.html): 1 is Ethernet. */
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** Bytes the frame had on the wire; more than `bytes` when the recording cut it. */
  readonly wireLength: number;
}

/** The frames of a capture file, in its order. */
export interface Capture {
  readonly frames: readonly Frame[];
  /** Why the file couldn't be read to its end, for people. */
  readonly damage?: string;
}

/** Longest frame that is believed: tcpdump's own limit. */
export const MAX_FRAME = 262_144;
