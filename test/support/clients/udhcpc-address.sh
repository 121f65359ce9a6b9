#!/bin/sh
# What udhcpc calls with each event: puts the address that it was given on the interface.
case "$1" in
  bound | renew) ip address replace "$ip/$mask" dev "$interface" ;;
  deconfig) ip address flush dev "$interface" ;;
esac
