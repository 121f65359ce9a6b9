# shellcheck shell=bash
# How the script speaks, and how a step is taken. Read by master.sh.

# What is being done, for the message when it fails.
current='finding out about this host'
# Exit status of a refusal, also from inside $(…).
readonly REFUSED=3

say() { printf '%s\n' "$*"; }

# refuse WHY: nothing can be done here.
refuse() {
    printf 'master.sh: %s\n' "$*" >&2
    exit $REFUSED
}

# demand WHY: refuses, but lets a dry run go on, which changes nothing anyway.
demand() {
    [ -n "$dry_run" ] || refuse "$*"
    printf 'no    %s\n' "$*"
}

misused() {
    printf 'master.sh: %s\n(master.sh --help tells the options)\n' "$*" >&2
    exit 2
}

# failed STATUS: when the script ends early, other than by a refusal.
failed() {
    [ "$1" -eq 0 ] || [ "$1" -eq $REFUSED ] || cat >&2 <<TEXT
master.sh: $current: it failed, for the reason above.
Mend that and call it again: what is done is not done twice.
TEXT
}

# step TITLE CHECK ACTION: takes ACTION unless CHECK finds it done, and looks again afterwards. Both are functions.
step() {
    local title=$1 check=$2 action=$3
    if "$check"; then
        say "ok    $title"
    elif [ -n "$dry_run" ]; then
        say "would $title"
        "$action"
    else
        current=$title
        say "doing $title"
        "$action"
        "$check" || refuse "$title: it was done, and is not as it should be; see the lines above"
        say "done  $title"
    fi
}

# change COMMAND…: runs it; a dry run shows it.
change() {
    if [ -n "$dry_run" ]; then
        printf '      $ %s\n' "$*"
    else
        "$@"
    fi
}

# put FILE MODE: writes standard input to FILE, at once; a dry run shows it.
put() {
    local file=$1 mode=$2
    if [ -n "$dry_run" ]; then
        printf '      %s:\n' "$file"
        sed 's/^/      +/'
        return
    fi
    mkdir -p "$(dirname "$file")"
    (umask 077 && cat >"$file.new")
    chmod "$mode" "$file.new"
    mv "$file.new" "$file"
}

# holds FILE TEXT: the file is exactly this.
holds() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

# fetch URL|FILE FILE: downloads it, all of it or nothing.
fetch() {
    if [ -n "$dry_run" ]; then
        printf '      %s, from %s\n' "$2" "$1"
    elif [ -f "$1" ]; then
        put "$2" 0644 <"$1"
    else
        curl --fail --silent --show-error --location --retry 3 --max-time 300 --create-dirs --output "$2.new" "$1"
        chmod 0644 "$2.new"
        mv "$2.new" "$2"
    fi
}

# has PACKAGE…: these Debian packages are installed.
has() {
    local name
    for name; do
        # shellcheck disable=SC2016 # dpkg-query's own placeholder
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || return 1
    done
}

apt_install() {
    change apt-get update -q
    change env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}
