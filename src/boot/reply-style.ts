import type { ReplyStyle } from './loaders.ts';

/**
 * Where a file is named: in a reply that gives an address too, in the offer of a proxy beside another server, or by the boot
 * server on UDP port 4011.
 */
export type AnswerPlace = 'dhcp' | 'proxy' | 'boot-server';

/**
 * How PXE firmware is told of its file, by an administrator's word for one machine. `plain`: neither option 60 nor 43;
 * `option_43`: options 60 and 43.6 = 8, which stand for fetching it at once; `port_4011`: option 60 only, upon which it asks
 * the boot server.
 */
export type PxeReply = 'plain' | 'option_43' | 'port_4011';

/** A style of the loader table, or option 60 alone. */
export type AnswerStyle = ReplyStyle | 'boot-server';

const BY_WORD: Readonly<Record<PxeReply, AnswerStyle>> = {
  plain: 'plain',
  option_43: 'pxe',
  port_4011: 'boot-server',
};

/**
 * The style of an answer to firmware whose row in the loader table has `style`. EDK2 takes a proxy's offer only when it has
 * option 60 and no option 43, and then asks on port 4011 (edk2 #6944); a BIOS without 43.6 would wait for a menu (PXE-E55).
 */
export function answerStyle(style: ReplyStyle, place: AnswerPlace, word: PxeReply | undefined): AnswerStyle {
  if (style !== 'pxe' && style !== 'plain') return style;
  if (word !== undefined) return BY_WORD[word];
  return style === 'plain' && place !== 'dhcp' ? 'boot-server' : style;
}
