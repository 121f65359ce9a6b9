import { encodeDomainList } from './options.ts';

/** RFC 4702 §2.1: the flags that matter to a server that leaves DNS alone. */
const FLAG = { serverUpdates: 0x01, overridden: 0x02, canonical: 0x04, noUpdate: 0x08 } as const;
/** RFC 4702 §2.2: both result codes are deprecated, and servers send this. */
const RCODE = 255;
const HEADER = 3;

/**
 * The answer to a client's FQDN option (81): nobody here updates the DNS, and this is its name. Undefined when what the
 * client sent is malformed, or the name has no encoding.
 * @param sent the client's option
 * @param hostname the name we give it; absent, it keeps the one it sent
 * @param domain makes the name complete
 */
export function answerFqdn(
  sent: Uint8Array,
  hostname: string | undefined,
  domain: string | undefined,
): Uint8Array | undefined {
  const [flags] = sent;
  if (flags === undefined || sent.length < HEADER) return undefined;
  const canonical = (flags & FLAG.canonical) !== 0;
  const answer =
    FLAG.noUpdate |
    (flags & FLAG.canonical) |
    // "Overridden" tells a client that wanted us to update the DNS that we won't.
    ((flags & FLAG.serverUpdates) !== 0 ? FLAG.overridden : 0);
  const name = hostname === undefined ? sent.subarray(HEADER) : encodeName(hostname, domain, canonical);
  return name && Uint8Array.of(answer, RCODE, RCODE, ...name);
}

/** A name in the encoding the client used: DNS labels, unended when the name is partial, or the old ASCII. */
function encodeName(
  hostname: string,
  domain: string | undefined,
  canonical: boolean,
): Uint8Array | undefined {
  const name = domain === undefined ? hostname : `${hostname}.${domain}`;
  if (!canonical) return Buffer.from(name, 'latin1');
  try {
    const labels = encodeDomainList([name]);
    return domain === undefined ? labels.subarray(0, -1) : labels;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
