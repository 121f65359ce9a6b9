import { ACK, type DhcpAnswer, DISCOVER, encodeQuestion, NAK, OFFER, REQUEST } from './dhcp-message.ts';
import type { RelayAgent } from './relay-agent.ts';

/** Who asks for an address, and how long it waits for an answer. */
export interface DhcpClient {
  readonly chaddr: Uint8Array;
  readonly giaddr: Uint8Array;
  /** What it says about itself. */
  readonly options: readonly (readonly [code: number, value: Uint8Array])[];
  /** Waits before a message is sent again and, after the last one, before the client gives up; milliseconds. */
  readonly waits: readonly number[];
}

/** An address that was leased. */
export interface Leased {
  readonly ack: DhcpAnswer;
  /** Messages that were sent again. */
  readonly retries: number;
}

/**
 * Leases an address: DISCOVER, OFFER, REQUEST, ACK. A message without an answer is sent again, as `waits` says. After a NAK
 * it begins anew. Throws when there is no answer in the end.
 * @param xid number of the transaction, used by nobody else at the time
 */
export async function leaseAddress(agent: RelayAgent, client: DhcpClient, xid: number): Promise<Leased> {
  const { chaddr, giaddr, options } = client;
  let retries = 0;
  for (;;) {
    const discover = encodeQuestion({ type: DISCOVER, xid, chaddr, giaddr, options });
    const offered = await ask(agent, xid, discover, client.waits, [OFFER]);
    const request = encodeQuestion({ type: REQUEST, xid, chaddr, giaddr, options, offer: offered.answer });
    const answered = await ask(agent, xid, request, client.waits, [ACK, NAK]);
    retries += offered.retries + answered.retries;
    if (answered.answer.type === ACK) return { ack: answered.answer, retries };
    retries += 1;
  }
}

/** Sends a message until an answer of one of these types comes. */
function ask(
  agent: RelayAgent,
  xid: number,
  message: Buffer,
  waits: readonly number[],
  types: readonly number[],
): Promise<{ readonly answer: DhcpAnswer; readonly retries: number }> {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = (finish: () => void) => {
      clearTimeout(timer);
      agent.forget(xid);
      finish();
    };
    const send = () => {
      const wait = waits[sent];
      if (wait === undefined) return end(() => reject(new Error('DHCP: no answer')));
      agent.send(message);
      sent += 1;
      timer = setTimeout(send, wait);
    };
    agent.listen(xid, (answer) => {
      if (types.includes(answer.type)) end(() => resolve({ answer, retries: sent - 1 }));
    });
    send();
  });
}
