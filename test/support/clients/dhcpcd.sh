#!/bin/sh
# Runs dhcpcd with a folder for its process number that no other has: it goes by the name of the card, eth0 in every namespace.
mkdir -p /run/dhcpcd
mount -t tmpfs none /run/dhcpcd
exec dhcpcd "$@"
