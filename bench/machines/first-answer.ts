import { addressBytes, DISCOVER, encodeQuestion, hardwareAddress } from './dhcp-message.ts';
import { openRelayAgent } from './relay-agent.ts';

// Asks for an address until somebody answers, and prints when that was: first-answer.ts GIADDR SERVER
// The time is that of the monotonic clock, which all processes share, in nanoseconds.

const [giaddr = '', server = ''] = process.argv.slice(2);
/** Milliseconds between two messages. */
const INTERVAL = 2;
const XID = 1;
/** A machine that nobody has seen yet. */
const STRANGER = 0xffffff;

const agent = await openRelayAgent(giaddr, server);
const message = encodeQuestion({
  type: DISCOVER,
  xid: XID,
  chaddr: hardwareAddress(STRANGER),
  giaddr: addressBytes(giaddr),
});
agent.listen(XID, () => process.stdout.write(`answered ${process.hrtime.bigint()}\n`, () => process.exit()));
setInterval(() => agent.send(message), INTERVAL);
process.stdout.write('asking\n');
