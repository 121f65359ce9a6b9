import { useEffect, useState } from 'preact/hooks';
import type { Lease, Network } from '../model/api.ts';
import { hashOf } from '../model/route.ts';
import { Empty } from '../parts/shell.tsx';
import { Ago } from '../parts/time.tsx';
import { useFetched } from '../parts/use-fetched.ts';
import { useConsole } from '../state/console.ts';

const REFRESH = 10_000;

const PAGE = 200;

/** How full the pools are, and who has which address. */
export function LeasesPage() {
  const networks = useFetched<{ networks: Network[] }>('/v1/networks', 0, REFRESH);
  return (
    <>
      <h1>Leases</h1>
      {networks.problem && <p class="problem">{networks.problem}</p>}
      <div class="pools">
        {networks.value?.networks.map((network) => (
          <Pool key={network.name} network={network} />
        ))}
      </div>
      <LeaseTable />
    </>
  );
}

function Pool({ network }: { readonly network: Network }) {
  const { size, leased, quarantined } = network.pool;
  const share = (count: number) => `${size === 0 ? 0 : (100 * count) / size}%`;
  const free = Math.max(0, size - leased - quarantined);
  const full = size > 0 && free / size < 0.1;
  return (
    <section class="card" aria-label={`Network ${network.name}`}>
      <h2>{network.name}</h2>
      <p class="muted">
        <span class="mono">{network.address}</span> on <span class="mono">{network.interface}</span>
      </p>
      <Giver dhcp={network.dhcp} />
      <meter class="hidden" aria-label={`Pool of ${network.name}`} max={size} value={leased + quarantined}>
        {leased} leased, {quarantined} quarantined, {free} free
      </meter>
      <div class={`pool ${full ? 'full' : ''}`} aria-hidden="true">
        <span class="pool-leased" style={{ width: share(leased) }} />
        <span class="pool-quarantined" style={{ width: share(quarantined) }} />
      </div>
      <dl class="pool-legend">
        <Count name="leased" count={leased} />
        {quarantined > 0 && <Count name="quarantined" count={quarantined} />}
        <Count name="free" count={free} />
        <Count name="reserved" count={network.reservations} />
      </dl>
      {size > 0 && free === 0 && (
        <p class="problem">The pool is used up: new machines get no address. Give it a larger range.</p>
      )}
    </section>
  );
}

/** Who gives the addresses, where it isn't this server alone. */
function Giver({ dhcp: { role, otherServer } }: Pick<Network, 'dhcp'>) {
  const other = otherServer === undefined ? 'Another DHCP server' : `The DHCP server ${otherServer}`;
  if (role === 'proxy') return <p>{other} gives the addresses; this one only says what to boot.</p>;
  if (otherServer === undefined) return null;
  return <p class="problem">{other} gives addresses as well: machines take either.</p>;
}

function Count({ name, count }: { readonly name: string; readonly count: number }) {
  return (
    <div class={`count-${name}`}>
      <dt>{name}</dt>
      <dd>{count}</dd>
    </div>
  );
}

function LeaseTable() {
  const { leases, more, problem } = useLeases();
  if (problem) return <p class="problem">{problem}</p>;
  if (!leases) return <p class="loading">Fetching the leases…</p>;
  if (leases.length === 0) {
    return (
      <Empty title="No address is leased">
        <p>
          A machine gets one with its first DHCP exchange. The lease stays the same through firmware, iPXE and
          system.
        </p>
      </Empty>
    );
  }
  return (
    <>
      <table class="plain">
        <caption class="hidden">Leases</caption>
        <thead>
          <tr>
            <th scope="col">Address</th>
            <th scope="col">Machine</th>
            <th scope="col" class="wide">
              Hardware address
            </th>
            <th scope="col" class="wide">
              Network
            </th>
            <th scope="col">Expires</th>
          </tr>
        </thead>
        <tbody>
          {leases.map((lease) => (
            <LeaseRow key={`${lease.network} ${lease.address}`} lease={lease} />
          ))}
        </tbody>
      </table>
      {more && (
        <p>
          <button type="button" class="button" onClick={more}>
            Show more
          </button>
        </p>
      )}
    </>
  );
}

function LeaseRow({ lease: { address, mac, network, expires } }: { readonly lease: Lease }) {
  const { rack } = useConsole();
  const machine = mac === undefined ? undefined : rack.find(mac);
  return (
    <tr>
      <th scope="row" class="mono">
        {address}
      </th>
      <td>
        {machine && <a href={hashOf({ page: 'machine', mac: machine.mac })}>{machine.hostname}</a>}
        {!machine && mac && <span class="mono">{mac}</span>}
        {!mac && <span class="muted">quarantined: something else uses it</span>}
      </td>
      <td class="mono wide">{machine && mac}</td>
      <td class="wide">{network}</td>
      <td>{expires ? <Expiry at={expires} /> : 'never'}</td>
    </tr>
  );
}

function Expiry({ at }: { readonly at: string }) {
  const { now } = useConsole();
  if (Date.parse(at) > now.value) return <Ago at={at} />;
  return (
    <span class="muted">
      expired <Ago at={at} />
    </span>
  );
}

/** The first leases, and as many more as were asked for; fetched again from time to time. */
function useLeases() {
  const { session } = useConsole();
  const [pages, setPages] = useState(1);
  const [tick, setTick] = useState(0);
  const [state, setState] = useState<{ leases?: readonly Lease[]; next?: boolean; problem?: string }>({});

  useEffect(() => {
    let current = true;
    async function fetchPages() {
      const leases: Lease[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < pages; page += 1) {
        const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== undefined && { cursor }) });
        const answer = await session.api.get<{ leases: Lease[]; next?: string }>(`/v1/leases?${query}`);
        leases.push(...answer.leases);
        cursor = answer.next;
        if (cursor === undefined) break;
      }
      if (current) setState({ leases, next: cursor !== undefined });
    }
    fetchPages().catch((error: Error) => current && setState({ problem: error.message }));
    return () => {
      current = false;
    };
  }, [pages, tick]);

  useEffect(() => {
    const timer = setInterval(() => !document.hidden && setTick((before) => before + 1), REFRESH);
    return () => clearInterval(timer);
  }, []);

  return {
    leases: state.leases,
    problem: state.problem,
    more: state.next && (() => setPages((before) => before + 1)),
  };
}
