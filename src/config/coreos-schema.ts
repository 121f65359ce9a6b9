import { type TSchema, Type } from 'typebox';

// The sections below `coreos:` that coreos-cloudinit turns into the environment of a daemon, key by key. Flatcar reads its
// document strictly: one value of the wrong type, and nothing of the whole document is applied.

/** The keys of a section by the type of their values. */
interface SectionKeys {
  /** What the variables made of the keys begin with: `ETCD_`. */
  readonly prefix: string;
  readonly texts: readonly string[];
  readonly flags?: readonly string[];
  readonly integers?: readonly string[];
  readonly numbers?: readonly string[];
  /** Keys that allow certain texts only. */
  readonly special?: Readonly<Record<string, TSchema>>;
}

function section(description: string, keys: SectionKeys) {
  const { prefix, texts, flags = [], integers = [], numbers = [], special = {} } = keys;
  const named = (names: readonly string[], make: (key: { description: string }) => TSchema) =>
    names.map((name) => [name, make({ description: `Becomes ${prefix}${name.toUpperCase()}.` })] as const);
  const all = [
    ...named(texts, Type.String),
    ...named(flags, Type.Boolean),
    ...named(integers, Type.Integer),
    ...named(numbers, Type.Number),
    ...Object.entries(special),
  ];
  const properties = Object.fromEntries(all.map(([name, schema]) => [name, Type.Optional(schema)]));
  return Type.Optional(Type.Object(properties, { additionalProperties: false, description }));
}

const words = (values: readonly string[], description: string) => Type.Enum([...values], { description });

const update = section('How the system updates itself: /etc/coreos/update.conf. Network boots never do.', {
  prefix: '',
  texts: [],
  special: {
    reboot_strategy: words(
      ['etcd-lock', 'reboot', 'off'],
      'When to reboot after an update; off stops and masks locksmithd.',
    ),
    group: Type.String({ description: 'Update group, such as stable.' }),
    server: Type.String({ description: 'Address of the update server.' }),
  },
});

const locksmith = section('Coordinates reboots.', {
  prefix: 'LOCKSMITHD_',
  texts: [
    'endpoint',
    'etcd_cafile',
    'etcd_certfile',
    'etcd_keyfile',
    'etcd_username',
    'etcd_password',
    'group',
  ],
  special: {
    window_start: Type.String({
      title: 'time such as 14:00 or Thu 23:00',
      examples: ['"Thu 23:00"'],
      pattern:
        '^(([Ss]un|[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at) )?0*([0-9]|1[0-9]|2[0-3]):0*([0-9]|[1-5][0-9])$',
      description: 'When reboots are allowed to begin: a time, with a day of the week before it if need be.',
    }),
    window_length: Type.String({
      title: "duration in Go's notation",
      examples: ['1h30m'],
      pattern: '^[-+]?([0-9]*(\\.[0-9]*)?[a-z]+)+$',
      description: 'How long reboots are allowed from then on.',
    }),
  },
});

const flannel = section("flannel's options: /run/flannel/options.env.", {
  prefix: 'FLANNELD_',
  texts: [
    'etcd_endpoints',
    'etcd_cafile',
    'etcd_certfile',
    'etcd_keyfile',
    'etcd_prefix',
    'etcd_username',
    'etcd_password',
    'ip_masq',
    'subnet_file',
    'interface',
    'public_ip',
  ],
});

const etcd2 = section('etcd 2, which no image of today holds.', {
  prefix: 'ETCD_',
  texts: [
    'advertise_client_urls',
    'ca_file',
    'cert_file',
    'cors',
    'data_dir',
    'discovery',
    'discovery_fallback',
    'discovery_srv',
    'discovery_proxy',
    'initial_advertise_peer_urls',
    'initial_cluster',
    'initial_cluster_state',
    'initial_cluster_token',
    'key_file',
    'listen_client_urls',
    'listen_peer_urls',
    'log_package_levels',
    'name',
    'peer_ca_file',
    'peer_cert_file',
    'peer_key_file',
    'peer_trusted_ca_file',
    'trusted_ca_file',
    'wal_dir',
  ],
  flags: [
    'client_cert_auth',
    'debug',
    'enable_pprof',
    'force_new_cluster',
    'peer_client_cert_auth',
    'strict_reconfig_check',
  ],
  integers: [
    'election_timeout',
    'heartbeat_interval',
    'max_snapshots',
    'max_wals',
    'proxy_dial_timeout',
    'proxy_failure_wait',
    'proxy_read_timeout',
    'proxy_refresh_interval',
    'proxy_write_timeout',
    'snapshot_count',
  ],
  special: { proxy: words(['on', 'off', 'readonly'], 'Becomes ETCD_PROXY.') },
});

const etcd = section('etcd 0.4, which no image of today holds.', {
  prefix: 'ETCD_',
  texts: [
    'addr',
    'bind_addr',
    'ca_file',
    'cert_file',
    'cors',
    'data_dir',
    'discovery',
    'graphite_host',
    'key_file',
    'name',
    'peer_addr',
    'peer_bind_addr',
    'peer_ca_file',
    'peer_cert_file',
    'peer_key_file',
    'peers',
    'peers_file',
    'trace',
  ],
  flags: ['snapshot', 'verbose', 'very_verbose', 'very_very_verbose'],
  integers: [
    'cluster_active_size',
    'max_result_buffer',
    'max_retry_attempts',
    'peer_election_timeout',
    'peer_heartbeat_interval',
    'snapshot_count',
  ],
  numbers: [
    'cluster_remove_delay',
    'cluster_sync_interval',
    'http_read_timeout',
    'http_write_timeout',
    'retry_interval',
  ],
});

const fleet = section('fleet, which no image of today holds.', {
  prefix: 'FLEET_',
  texts: [
    'agent_ttl',
    'authorized_keys_file',
    'etcd_cafile',
    'etcd_certfile',
    'etcd_keyfile',
    'etcd_key_prefix',
    'etcd_servers',
    'etcd_username',
    'etcd_password',
    'metadata',
    'public_ip',
  ],
  flags: ['disable_engine', 'verify_units'],
  integers: ['token_limit', 'verbosity'],
  numbers: ['engine_reconcile_interval', 'etcd_request_timeout'],
});

const oem = section("What /etc/oem-release says about the machine's maker.", {
  prefix: '',
  texts: [],
  special: {
    id: Type.String({ description: 'Short name of the maker or platform.' }),
    name: Type.String({ description: 'Its full name.' }),
    version_id: Type.String({ description: 'Version of what it added.' }),
    home_url: Type.String({ description: 'Its web page.' }),
    bug_report_url: Type.String({ description: 'Where bugs are reported.' }),
  },
});

/** All sections of `coreos:` but its units. */
export const coreosSections = { update, locksmith, flannel, etcd2, etcd, fleet, oem };
