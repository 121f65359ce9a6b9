// The `dhcp` package as a client: DISCOVER, REQUEST, prints what it got as JSON.
const dhcp = require('dhcp');

const client = dhcp.createClient({ mac: process.argv[2] });
client.on('listening', () => client.sendDiscover());
client.on('bound', (state) => {
  process.stdout.write(`${JSON.stringify(state)}\n`);
  client.close(() => process.exit(0));
});
client.on('error', (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
client.listen();
