#!/usr/bin/python3
"""A stand-in for coreos-cloudinit, for the lab's guest. Debian doesn't package the real one.

    coreos-cloudinit-standin            (reads `cloud-config-url=` from the kernel command line)
    coreos-cloudinit-standin FILE       (reads a file, and tells no server)

Fetches the machine's cloud-config as coreos-cloudinit does (15 tries; an answer 4xx is final) and does what it and systemd
together would do with it: hostname, ssh_authorized_keys, write_files and coreos.units. Then it prints a report and tells
the server that the document came from (`POST /phone-home/MAC`).

As coreos-cloudinit does, it writes all files, units and drop-ins first and then carries out the units' commands in
the order of the list; a command on a unit that doesn't exist ends the list, a unit that fails is reported and the list goes on.

Where systemd runs, the commands are systemd's to carry out (`systemctl start UNIT`, one after the other), and that the
machine is up is for somebody else to tell. Where there is none, units are read with these keys and no others; every other key
is ignored:
    [Unit]     Requires= BindsTo= Wants= (started first, in their own After= order), ConditionPathExists=
    [Service]  Type=oneshot|simple|exec|forking|notify (all but oneshot and forking are left running), ExecStartPre=,
               ExecStart=, ExecStartPost=, ExecStop= (prefix `-`: failure doesn't matter; `@`, `+`, `!`, `:` are refused),
               Environment=, EnvironmentFile=, WorkingDirectory=, RemainAfterExit=
    [Mount]    What=, Where=, Type=, Options=
`.device` units are waited for; targets and other kinds count as started. Specifiers: %n %N %p %i %H %%.
"""

import base64
import gzip
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

UNIT_FOLDERS = ('/etc/systemd/system', '/run/systemd/system')
NETWORK_FOLDERS = ('/etc/systemd/network', '/run/systemd/network')
NETWORK_KINDS = ('.network', '.netdev', '.link')
FETCH_TRIES = 15
KNOWN_KEYS = {'hostname', 'ssh_authorized_keys', 'write_files', 'coreos'}
DEVICE_TIMEOUT = 10  # seconds; systemd waits 90


class DocumentError(Exception):
    """The cloud-config is not one, or holds a value that coreos-cloudinit would refuse."""


class UnitError(Exception):
    """A unit could not be started or stopped."""


class NoSuchUnit(UnitError):
    """Neither written by the cloud-config nor one of systemd's own."""


def say(text):
    print(f'lab: {text}', flush=True)


# --- the document ---


def url_on_command_line():
    with open('/proc/cmdline') as file:
        arguments = file.read().split()
    urls = [argument.split('=', 1)[1] for argument in arguments if argument.startswith('cloud-config-url=')]
    if not urls:
        raise DocumentError('the kernel command line holds no cloud-config-url=')
    return urls[-1]


def fetch(url):
    """The document's text. Refused connections and 5xx are tried again with a growing pause."""
    shown = url.split('?')[0]
    for number in range(1, FETCH_TRIES + 1):
        try:
            with urllib.request.urlopen(url, timeout=10) as response:
                body = response.read()
            say(f'{len(body)} bytes of cloud-config read from {shown}')
            return body.decode()
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise DocumentError(f'{shown} answered {error.code}: {error.read().decode(errors="replace")}') from error
            problem = f'status {error.code}'
        except OSError as error:
            problem = str(error)
        say(f'{shown}: {problem} (try {number} of {FETCH_TRIES})')
        time.sleep(min(0.1 * 2**number, 5))
    raise DocumentError(f'{shown} could not be fetched')


def substitute(text):
    """Network-booted machines have no $private_ipv4 and so on: coreos-cloudinit puts nothing in their place, anywhere."""
    return re.sub(r'(\\?)(\$(?:public|private)_ipv[46])', lambda m: m.group(2) if m.group(1) else '', text)


def parse(text):
    """The document as a map; coreos-cloudinit takes it for a cloud-config only if the first line says so."""
    if text.split('\n', 1)[0].rstrip() != '#cloud-config':
        raise DocumentError('the first line is not #cloud-config')
    # The one in C, where there is one: an emulated processor takes half a minute for a large document in Python.
    document = yaml.load(text, Loader=getattr(yaml, 'CSafeLoader', yaml.SafeLoader))
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise DocumentError('the document is not a map')
    return document


def decode(content, encoding):
    """The bytes of a write_files entry."""
    data = content.encode() if isinstance(content, str) else str(content).encode()
    if encoding in ('b64', 'base64'):
        return base64.b64decode(data, validate=False)
    if encoding in ('gz', 'gzip'):
        return gzip.decompress(data)
    if encoding in ('gz+base64', 'gzip+base64', 'gz+b64', 'gzip+b64'):
        return gzip.decompress(base64.b64decode(data))
    if encoding:
        raise DocumentError(f'unknown encoding {encoding}')
    return data


def file_mode(permissions):
    """`"0644"`, or 0644 that YAML 1.1 has read as an octal number already."""
    if permissions is None or permissions == '':
        return 0o644
    return permissions if isinstance(permissions, int) else int(permissions, 8)


def write_file(path, data, mode=0o644, owner=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(data)
    os.chmod(path, mode)
    if owner:
        subprocess.run(['chown', owner, path], check=True)


def write_unit(unit):
    folders = NETWORK_FOLDERS if unit['name'].endswith(NETWORK_KINDS) else UNIT_FOLDERS
    folder = folders[1 if unit.get('runtime') else 0]
    path = f'{folder}/{unit["name"]}'
    if unit.get('mask'):
        os.makedirs(folder, exist_ok=True)
        if os.path.lexists(path):
            os.remove(path)
        os.symlink('/dev/null', path)
    elif unit.get('content'):
        write_file(path, unit['content'].encode())
    for drop_in in unit.get('drop_ins') or []:
        write_file(f'{path}.d/{drop_in["name"]}', drop_in.get('content', '').encode())


# --- units, by systemd ---


class Systemd:
    """Hands the units' commands to systemd, waiting for each."""

    def __init__(self, unit_list):
        networks = [unit for unit in unit_list if unit['name'].endswith(NETWORK_KINDS)]
        for runtime in (False, True):
            names = [
                unit['name']
                for unit in unit_list
                if unit.get('enable') and bool(unit.get('runtime')) == runtime and unit not in networks
            ]
            if names:
                systemctl('enable', '--no-reload', *(['--runtime'] if runtime else []), *names)
        systemctl('daemon-reload')
        if networks:
            systemctl('restart', 'systemd-networkd.service')

    def command(self, command, name):
        state = systemctl('show', '--property=LoadState', '--value', name).stdout.strip()
        if state == 'not-found':
            raise NoSuchUnit(f'unit {name} not found')
        if state == 'masked':
            raise UnitError(f'{name} is masked')
        result = systemctl(command, name)
        if result.returncode != 0:
            raise UnitError(result.stderr.strip() or f'{command} failed with exit status {result.returncode}')


def systemctl(*arguments):
    return subprocess.run(['systemctl', *arguments], capture_output=True, text=True)


# --- units, without systemd ---


def read_unit(text, sections):
    """Adds a unit file to {section: {key: [values]}}; an empty value forgets those before it, as in systemd."""
    section = None
    joined = re.sub(r'\\\n', ' ', text)
    for line in joined.split('\n'):
        line = line.strip()
        if not line or line[0] in '#;':
            continue
        if line.startswith('[') and line.endswith(']'):
            section = sections.setdefault(line[1:-1], {})
        elif section is not None and '=' in line:
            key, value = (part.strip() for part in line.split('=', 1))
            section[key] = section.get(key, []) + [value] if value else []
    return sections


def mount_unit_name(where):
    """The only name a .mount unit for this folder may have (systemd-escape --path)."""
    parts = [part for part in where.split('/') if part]
    if not parts:
        return '-.mount'
    def escape(match):
        return ''.join(f'\\x{byte:02x}' for byte in match.group().encode())
    escaped = '-'.join(re.sub(r'[^A-Za-z0-9:_.]', escape, part) for part in parts)
    return re.sub(r'^\.', r'\\x2e', escaped) + '.mount'


def unescape_path(name):
    return '/' + re.sub(r'\\x([0-9a-f]{2})', lambda m: chr(int(m.group(1), 16)), name.replace('-', '/'))


def split_command(line, environment):
    """systemd's own splitting: quotes, $NAME as whole words, ${NAME} anywhere. No shell reads the line."""
    words = []
    for word in shlex.split(line):
        name = re.fullmatch(r'\$(\w+)', word)
        if name:
            words += environment.get(name.group(1), '').split()
        else:
            words.append(re.sub(r'\$\{(\w+)\}', lambda m: environment.get(m.group(1), ''), word).replace('$$', '$'))
    return words


class Units:
    """Starts and stops units, each with what it requires first."""

    def __init__(self):
        self.active = {}  # name -> the process left running, or None
        self.starting = []

    def load(self, name):
        files = [f'{folder}/{name}' for folder in UNIT_FOLDERS]
        main = next((path for path in files if os.path.lexists(path)), None)
        if main and os.path.realpath(main) == '/dev/null':
            raise UnitError(f'{name} is masked')
        if main is None:
            raise NoSuchUnit(f'unit {name} not found')
        paths = [main]
        for folder in (f'{path}.d' for path in reversed(files)):
            if os.path.isdir(folder):
                paths += [f'{folder}/{entry}' for entry in sorted(os.listdir(folder)) if entry.endswith('.conf')]
        sections = {}
        for path in paths:
            with open(path) as file:
                read_unit(self.fill_specifiers(file.read(), name), sections)
        return sections

    def fill_specifiers(self, text, name):
        stem = name.rsplit('.', 1)[0]
        prefix, _, instance = stem.partition('@')
        values = {'n': name, 'N': stem, 'p': prefix, 'i': instance, 'H': socket.gethostname(), '%': '%'}
        return re.sub(r'%([nNpiH%])', lambda match: values[match.group(1)], text)

    def start(self, name):
        if name in self.active:
            return
        if name in self.starting:
            raise UnitError(f'{name} requires itself: {" -> ".join(self.starting + [name])}')
        kind = name.rsplit('.', 1)[-1]
        if kind == 'device':
            self.await_device(unescape_path(name[: -len('.device')]))
            self.active[name] = None
            return
        if kind not in ('service', 'mount'):
            self.active[name] = None
            return
        self.starting.append(name)
        try:
            sections = self.load(name)
            unit = sections.get('Unit', {})
            self.start_dependencies(name, unit)
            if not self.conditions_hold(unit):
                say(f'unit {name}: a condition does not hold, skipped')
                return
            run = self.start_mount if kind == 'mount' else self.start_service
            run(name, sections.get(kind.capitalize(), {}))
        finally:
            self.starting.remove(name)

    def start_dependencies(self, name, unit):
        required = words(unit, 'Requires') + words(unit, 'BindsTo')
        wanted = [other for other in words(unit, 'Wants') if other not in required]
        for dependency in self.in_order(required + wanted):
            try:
                self.start(dependency)
            except UnitError as error:
                if dependency in required:
                    raise UnitError(f'dependency failed: {error}') from error

    def in_order(self, names):
        """Units that come After= another of the list behind it; otherwise as listed."""
        after = {}
        for name in names:
            try:
                after[name] = set(words(self.load(name).get('Unit', {}), 'After'))
            except UnitError:
                after[name] = set()
        ordered = []
        waiting = list(dict.fromkeys(names))
        while waiting:
            ready = next((n for n in waiting if not after[n] & set(waiting) - {n}), waiting[0])
            ordered.append(ready)
            waiting.remove(ready)
        return ordered

    def conditions_hold(self, unit):
        return all(
            os.path.exists(path.lstrip('!')) != path.startswith('!') for path in unit.get('ConditionPathExists', [])
        )

    def await_device(self, path):
        deadline = time.monotonic() + DEVICE_TIMEOUT
        while not os.path.exists(path):
            if time.monotonic() > deadline:
                raise UnitError(f'{path} has not appeared within {DEVICE_TIMEOUT} s')
            time.sleep(0.1)

    def start_mount(self, name, mount):
        what, where = last(mount, 'What'), last(mount, 'Where')
        if not what or not where:
            raise UnitError(f'{name} needs What= and Where=')
        if mount_unit_name(where) != name:
            raise UnitError(f'{name} has Where={where}: its name must be {mount_unit_name(where)}')
        if what.startswith('/dev/'):
            self.await_device(what)
        os.makedirs(where, exist_ok=True)
        command = ['mount']
        if last(mount, 'Type'):
            command += ['-t', last(mount, 'Type')]
        if last(mount, 'Options'):
            command += ['-o', last(mount, 'Options')]
        self.execute(name, command + [what, where], os.environ)
        self.active[name] = None

    def start_service(self, name, service):
        environment = self.environment(service)
        kind = last(service, 'Type') or 'simple'
        for line in service.get('ExecStartPre', []):
            self.run_line(name, line, service, environment)
        process = None
        for line in service.get('ExecStart', []):
            if kind in ('oneshot', 'forking'):
                self.run_line(name, line, service, environment)
            else:
                process = self.spawn(name, line, service, environment)
        for line in service.get('ExecStartPost', []):
            self.run_line(name, line, service, environment)
        if process is not None or kind != 'oneshot' or last(service, 'RemainAfterExit') in ('yes', 'true', '1', 'on'):
            self.active[name] = process

    def environment(self, service):
        variables = dict(os.environ)
        for assignments in service.get('Environment', []):
            for assignment in shlex.split(assignments):
                key, _, value = assignment.partition('=')
                variables[key] = value
        for path in service.get('EnvironmentFile', []):
            try:
                with open(path.lstrip('-')) as file:
                    lines = [line.strip() for line in file]
            except OSError as error:
                if path.startswith('-'):
                    continue
                raise UnitError(f'EnvironmentFile: {error}') from error
            for line in lines:
                if '=' in line and line[0] not in '#;':
                    key, _, value = line.partition('=')
                    variables[key] = ' '.join(shlex.split(value))
        return variables

    def run_line(self, name, line, service, environment):
        optional = line.startswith('-')
        try:
            self.execute(name, self.words_of(line, environment), environment, last(service, 'WorkingDirectory'))
        except UnitError as error:
            if not optional:
                raise
            say(f'unit {name}: {error} (allowed to fail)')

    def words_of(self, line, environment):
        if line[:1] in '@+!:':
            raise UnitError(f'prefix {line[0]} of "{line}" is not known here')
        return split_command(line.lstrip('-'), environment)

    def execute(self, name, argv, environment, folder=None):
        try:
            result = subprocess.run(argv, env=environment, cwd=folder, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise UnitError(f'{argv[0]} could not be run: {error.strerror}') from error
        if result.returncode != 0:
            raise UnitError(f'{" ".join(argv)} failed with exit status {result.returncode}')

    def spawn(self, name, line, service, environment):
        argv = self.words_of(line, environment)
        try:
            return subprocess.Popen(
                argv, env=environment, cwd=last(service, 'WorkingDirectory'), stdin=subprocess.DEVNULL
            )
        except OSError as error:
            raise UnitError(f'{argv[0]} could not be run: {error.strerror}') from error

    def stop(self, name):
        if name not in self.active:
            return
        sections = self.load(name)
        service = sections.get('Service', {})
        for line in service.get('ExecStop', []):
            self.run_line(name, line, service, self.environment(service))
        if name.endswith('.mount'):
            self.execute(name, ['umount', last(sections['Mount'], 'Where')], os.environ)
        process = self.active.pop(name)
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait()

    def command(self, command, name):
        if command in ('restart', 'stop', 'reload-or-restart', 'try-restart', 'reload-or-try-restart'):
            was_active = name in self.active
            self.load(name)
            self.stop(name)
            if command == 'stop' or (command.endswith('try-restart') and not was_active):
                return
        elif command != 'start':
            raise UnitError(f'command {command} is not known to this stand-in')
        self.start(name)


def words(section, key):
    return ' '.join(section.get(key, [])).split()


def last(section, key):
    values = section.get(key)
    return values[-1] if values else None


# --- the machine ---


def disks():
    return sorted(f'/dev/{name}' for name in os.listdir('/sys/block') if re.match(r'(vd|sd|nvme)', name))


def filesystem(device):
    """(type, label) of what is on a disk; empty strings on an empty disk."""
    output = subprocess.run(['blkid', '-p', '-o', 'export', device], capture_output=True, text=True).stdout
    fields = dict(line.split('=', 1) for line in output.splitlines() if '=' in line)
    return fields.get('TYPE', ''), fields.get('LABEL', '').replace('\\ ', ' ')


def mount_points():
    """[(device, folder, type)] of the disks' mounts."""
    with open('/proc/mounts') as file:
        entries = [line.split()[:3] for line in file]
    return [tuple(entry) for entry in entries if entry[0] in disks()]


def hardware_address():
    """Of the network card; interfaces that aren't hardware have no device."""
    for name in sorted(os.listdir('/sys/class/net')):
        if os.path.exists(f'/sys/class/net/{name}/device'):
            with open(f'/sys/class/net/{name}/address') as file:
                return file.read().strip()
    raise DocumentError('there is no network card')


class Home:
    """The provisioning server, told about stages of the boot; nobody when there is no URL."""

    def __init__(self, document_url):
        mac = hardware_address().replace(':', '-')
        self.url = urllib.parse.urljoin(document_url, f'/phone-home/{mac}') if document_url else None

    def tell(self, stage, detail):
        if not self.url:
            return
        body = json.dumps({'stage': stage, 'detail': detail}).encode()
        request = urllib.request.Request(self.url, body, {'Content-Type': 'application/json'})
        for number in range(1, FETCH_TRIES + 1):
            try:
                urllib.request.urlopen(request, timeout=10).close()
                return
            except OSError as error:
                say(f'telling the server "{stage}": {error} (try {number} of {FETCH_TRIES})')
                time.sleep(min(0.1 * 2**number, 5))


def set_hostname(name):
    with open('/proc/sys/kernel/hostname', 'w') as file:
        file.write(name)
    write_file('/etc/hostname', f'{name}\n'.encode())


def carry_out(document, home):
    for key in sorted(document.keys() - KNOWN_KEYS):
        say(f'{key}: not known to this stand-in, ignored')
    if document.get('hostname'):
        set_hostname(document['hostname'])
    keys = document.get('ssh_authorized_keys') or []
    if keys:
        write_file('/home/core/.ssh/authorized_keys', ''.join(f'{key}\n' for key in keys).encode(), 0o600, 'core:core')
    files = document.get('write_files') or []
    for file in files:
        data = decode(file.get('content', ''), file.get('encoding'))
        write_file(file['path'], data, file_mode(file.get('permissions')), file.get('owner'))
    coreos = document.get('coreos') or {}
    for key in sorted(coreos.keys() - {'units'}):
        say(f'coreos.{key}: not known to this stand-in, ignored')
    unit_list = coreos.get('units') or []
    for unit in unit_list:
        write_unit(unit)

    with_systemd = os.path.isdir('/run/systemd/system')
    units = Systemd(unit_list) if with_systemd else Units()
    empty = set() if with_systemd else {disk for disk in disks() if not filesystem(disk)[0]}
    for unit in unit_list:
        if not unit.get('command') or unit['name'].endswith(NETWORK_KINDS):
            continue
        try:
            units.command(unit['command'], unit['name'])
            say(f'unit {unit["name"]}: {unit["command"]} done')
        except NoSuchUnit as error:
            say(f'unit {unit["name"]}: {error}; no further command is carried out')
            break
        except UnitError as error:
            say(f'unit {unit["name"]}: FAILED: {error}')
        for disk in sorted(empty):
            kind, label = filesystem(disk)
            if kind:
                empty.discard(disk)
                home.tell('disk', f'{disk} formatted as {kind}' + (f', label {label}' if label else ''))
    return files, keys


def report(files, keys):
    say(f'hostname  {socket.gethostname()}')
    for file in files:
        try:
            status = os.stat(file['path'])
        except FileNotFoundError:
            # What fetches the keys deletes the file that holds its token.
            say(f'file      {file["path"]} is gone again')
            continue
        say(f'file      {file["path"]} {status.st_size} bytes, mode {status.st_mode & 0o7777:04o}')
    if keys:
        say(f'ssh keys  {len(keys)} for core')
    for disk in disks():
        kind, label = filesystem(disk)
        say(f'disk      {disk} {kind or "empty"}' + (f' label {label}' if label else ''))
    for device, folder, kind in mount_points():
        say(f'mount     {device} on {folder} type {kind}')
    mounts = [f'{device} {kind} on {folder}' for device, folder, kind in mount_points()] or ['no disk']
    return f'{socket.gethostname()}: {len(files)} files, {", ".join(mounts)}'


def main(path=None):
    try:
        url = None if path else url_on_command_line()
        if url:
            text = fetch(url)
        else:
            with open(path, encoding='utf-8') as file:
                text = file.read()
        home = Home(url)
        files, keys = carry_out(parse(substitute(text)), home)
    except (DocumentError, yaml.YAMLError, KeyError, ValueError, TypeError) as error:
        say(f'the cloud-config is refused: {type(error).__name__}: {error}')
        return 1
    story = report(files, keys)
    if not os.path.isdir('/run/systemd/system'):
        home.tell('up', story)
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
