# shellcheck shell=bash
# Which network is the rack's, with which addresses, and its way out. Read by master.sh.

# Sets interface, address, range and dns.
choose_network() {
    local names uplinks
    names=$(ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print $2 }')
    uplinks=$(ip -4 route show default | grep -oP '(?<= dev )\S+' || true)
    if [ -n "$interface" ]; then
        grep -qxF -- "$interface" <<<"$names" ||
            refuse "there is no interface $interface here; there are $(in_line "$names")"
        if grep -qxF -- "$interface" <<<"$uplinks"; then
            say "note  $interface is this host's way to the internet as well: is no other DHCP server there?"
        fi
    else
        interface=$(find_interface "$uplinks")
    fi
    choose_address
    [ -n "$range" ] || range=$(default_range "$address")
    [ -n "$dns" ] || dns=$(own_resolvers)
    [ -n "$dns" ] || refuse "this host names no name server that machines could ask: say one with --dns"
}

# find_interface UPLINKS: the only card that could be meant.
find_interface() {
    local candidates count
    if [ -n "$address" ]; then
        candidates=$(ip -o -4 address show | awk -v address="$address" '$4 == address { print $2 }')
        [ -n "$candidates" ] || refuse "no interface has the address $address: $(how_to_give INTERFACE "$address")"
    else
        candidates=$(ip -o -4 address show scope global | awk '{ print $2 }' | sort -u |
            grep -vE '^(cni|flannel|docker|veth|virbr|br-|kube-)' | grep -vxF -- "${1:-.}" || true)
        [ -n "$candidates" ] ||
            refuse "which interface is the rack's? None has an address, besides the way to the internet (${1:-none}). Give one its address, then say --interface NAME"
    fi
    count=$(wc -l <<<"$candidates")
    [ "$count" -eq 1 ] || refuse "which interface is the rack's? It could be $(in_line "$candidates"): say --interface NAME"
    printf '%s' "$candidates"
}

choose_address() {
    local own
    own=$(ip -o -4 address show dev "$interface" scope global | awk '{ print $4 }')
    if [ -z "$address" ]; then
        [ -n "$own" ] || refuse "$interface has no address: $(how_to_give "$interface" 192.168.0.254/24)"
        [ "$(wc -l <<<"$own")" -eq 1 ] || refuse "$interface has the addresses $(in_line "$own"): say which with --address"
        address=$own
    fi
    [[ $address =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}/(1[6-9]|2[0-9]|30)$ ]] ||
        refuse "--address $address: it must be an address with the length of its network's prefix, such as 192.168.0.254/24"
    grep -qxF -- "$address" <<<"$own" ||
        refuse "$interface does not have the address $address: $(how_to_give "$interface" "$address")"
}

how_to_give() {
    printf 'give it in a file below /etc/netplan or in /etc/network/interfaces (for now: ip address add %s dev %s), then call this again' "$2" "$1"
}

in_line() { tr '\n' ' ' <<<"$1" | sed -E 's/ +$//; s/ /, /g'; }

# default_range ADDRESS/LENGTH: a hundred addresses or fewer, on the side of ours that has more.
default_range() {
    local own length network last first end
    own=$(to_number "${1%/*}")
    length=${1#*/}
    network=$((own & (0xffffffff << (32 - length)) & 0xffffffff))
    last=$((network + (1 << (32 - length)) - 2))
    if [ $((own - network)) -gt $((last - own)) ]; then
        first=$((network + 1)) end=$((own - 1))
    else
        first=$((own + 1)) end=$last
    fi
    [ $((end - first)) -lt 100 ] || end=$((first + 99))
    printf '%s-%s' "$(to_address $first)" "$(to_address $end)"
}

# network_of ADDRESS/LENGTH: 192.168.0.0/24
network_of() {
    local length=${1#*/}
    printf '%s/%s' "$(to_address $(($(to_number "${1%/*}") & (0xffffffff << (32 - length)) & 0xffffffff)))" "$length"
}

to_number() {
    local a b c d
    IFS=. read -r a b c d <<<"$1"
    printf '%d' $(((a << 24) + (b << 16) + (c << 8) + d))
}

to_address() { printf '%d.%d.%d.%d' $(($1 >> 24)) $(($1 >> 16 & 255)) $(($1 >> 8 & 255)) $(($1 & 255)); }

# The name servers this host asks; those of its own loopback are of no use to others.
own_resolvers() {
    { cat /run/systemd/resolve/resolv.conf /etc/resolv.conf 2>/dev/null || true; } |
        awk '$1 == "nameserver" && $2 ~ /^[0-9.]+$/ && $2 !~ /^127\./ && !seen[$2]++ { print $2 }' | head -n 3 | paste -sd, -
}

# Machines fetch containers' images from the internet: through this host, under its address.
give_way_out() {
    local rules=/etc/rackseed-nat.nft unit=/etc/systemd/system/rackseed-nat.service
    if [ -z "$nat" ]; then
        say 'ok    no way to the internet for machines (--no-nat)'
        return
    fi
    local nft_text unit_text
    nft_text="# Written by master.sh: machines reach other networks under this host's address.
table ip rackseed_nat
delete table ip rackseed_nat
table ip rackseed_nat {
    chain postrouting {
        type nat hook postrouting priority srcnat
        ip saddr $(network_of "$address") ip daddr != $pods oifname != \"$interface\" masquerade
    }
}"
    unit_text="# Written by master.sh
[Unit]
Description=Way out for the machines of the rack
Wants=network-pre.target
Before=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f $rules
ExecStop=/usr/sbin/nft delete table ip rackseed_nat

[Install]
WantedBy=multi-user.target"
    way_open() {
        holds "$rules" "$nft_text" && holds "$unit" "$unit_text" && systemctl is-active --quiet rackseed-nat.service
    }
    open_way() {
        put "$rules" 0644 <<<"$nft_text"
        put "$unit" 0644 <<<"$unit_text"
        change systemctl daemon-reload
        change systemctl enable --quiet rackseed-nat.service
        change systemctl restart rackseed-nat.service
    }
    step 'machines reach the internet through this host' way_open open_way
}
