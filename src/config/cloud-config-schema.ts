import { Type } from 'typebox';
import { coreosSections } from './coreos-schema.ts';
import { anyText } from './text.ts';

// All that coreos-cloudinit reads, and nothing else: it ignores keys that it doesn't know without a word, and Flatcar's
// refuses a whole document for one value of the wrong type.

const closed = { additionalProperties: false } as const;

const text = (title: string, example: string, description: string) =>
  anyText(title, example)({ description });

const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

const sshKeys = Type.Optional(
  Type.Array(text('public key', 'ssh-ed25519 AAAA… admin', 'A public key.'), {
    description: 'Public keys that may log in.',
  }),
);

const file = Type.Object(
  {
    path: Type.String({
      title: 'absolute path outside the read-only /usr',
      examples: ['/etc/motd'],
      pattern: '^(\\{|(?!.*/\\.{0,2}(/|$))/(?!usr/))',
      description: 'Where the file is written.',
    }),
    content: Type.Optional(
      Type.String({
        description: 'What is in it; may hold placeholders. Sent as base64 where YAML could mangle it.',
      }),
    ),
    owner: Type.Optional(text('owner', 'root:root', 'Owner as user:group.')),
    permissions: Type.Optional(
      Type.Union([Type.String({ pattern: '^0?[0-7]{3,4}$' }), Type.Integer()], {
        title: 'file mode',
        examples: ['"0644"'],
        description: 'File mode in octal digits.',
        default: '0644',
      }),
    ),
    encoding: Type.Optional(
      Type.Enum(['base64', 'b64', 'gz', 'gzip', 'gz+base64', 'gzip+base64', 'gz+b64', 'gzip+b64'], {
        description: 'How content is encoded already; absent means that it is plain text.',
      }),
    ),
  },
  { ...closed, description: 'A file to write.' },
);

const unit = Type.Object(
  {
    name: text('unit name', 'docker.service', 'Name of the unit, with its suffix.'),
    content: Type.Optional(Type.String({ description: 'The unit file; may hold placeholders.' })),
    command: Type.Optional(
      Type.Enum(
        ['start', 'stop', 'restart', 'reload', 'try-restart', 'reload-or-restart', 'reload-or-try-restart'],
        {
          description:
            'Run after all units are written, in the order of the list; each waits for the one before.',
        },
      ),
    ),
    enable: flag('Enable it. On a diskless machine this starts nothing: use command.'),
    mask: flag('Mask it.'),
    runtime: flag('Write it below /run.'),
    drop_ins: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name: text('drop-in name', '10-wait.conf', 'File name, ending in .conf.'),
            content: Type.Optional(Type.String({ description: 'The drop-in; may hold placeholders.' })),
          },
          { ...closed, description: 'A drop-in.' },
        ),
        { description: 'Files that add to the unit.' },
      ),
    ),
  },
  { ...closed, description: 'A systemd unit.' },
);

const user = Type.Object(
  {
    name: text('user name', 'core', 'Login name.'),
    passwd: Type.Optional(text('password hash', '"$6$…"', 'Password hash, as crypt(3) makes it.')),
    ssh_authorized_keys: sshKeys,
    groups: Type.Optional(
      Type.Array(text('group', 'docker', 'A group.'), { description: 'Further groups.' }),
    ),
    gecos: Type.Optional(Type.String({ description: 'Full name, or what else the account is for.' })),
    homedir: Type.Optional(text('absolute path', '/home/admin', 'Home directory.')),
    primary_group: Type.Optional(text('group', 'users', 'Primary group.')),
    shell: Type.Optional(text('absolute path', '/bin/bash', 'Login shell.')),
    coreos_ssh_import_github: Type.Optional(
      text('account', 'octocat', 'GitHub account whose keys may log in.'),
    ),
    coreos_ssh_import_github_users: Type.Optional(
      Type.Array(text('account', 'octocat', 'A GitHub account.'), {
        description: 'GitHub accounts whose keys may log in.',
      }),
    ),
    coreos_ssh_import_url: Type.Optional(
      text('URL', 'https://example.com/keys', 'Where public keys that may log in are listed.'),
    ),
    no_create_home: flag('Create no home directory.'),
    no_user_group: flag('Create no group of the same name.'),
    no_log_init: flag('Leave lastlog and faillog alone.'),
    system: flag('A system account.'),
  },
  { ...closed, description: 'A user.' },
);

/** `cloud_config`: coreos-cloudinit's document, with underscores in its keys. */
export const cloudConfig = Type.Object(
  {
    hostname: Type.Optional(text('host name', '"{{ machine.hostname }}"', 'Name of the node, without dots.')),
    ssh_authorized_keys: sshKeys,
    users: Type.Optional(Type.Array(user, { description: 'Users to create.' })),
    write_files: Type.Optional(Type.Array(file, { description: 'Files to write.' })),
    manage_etc_hosts: Type.Optional(
      Type.Literal('localhost', {
        description: 'Writes the hostname into /etc/hosts; localhost is the only value.',
      }),
    ),
    coreos: Type.Optional(
      Type.Object(
        {
          units: Type.Optional(Type.Array(unit, { description: 'Units to write and start.' })),
          ...coreosSections,
        },
        { ...closed, description: 'What is particular to CoreOS.' },
      ),
    ),
  },
  {
    ...closed,
    description: 'The cloud-config, in the keys of coreos-cloudinit. String values may hold placeholders.',
  },
);
