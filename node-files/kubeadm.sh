#!/bin/bash
# Makes this machine a control-plane node: `kubeadm join` when the file holds a JoinConfiguration, else `kubeadm init`.
#
#     kubeadm CONFIG
set -euo pipefail

action='init'
if grep -q '^kind: *JoinConfiguration' "$1"; then action='join'; fi
exec kubeadm "$action" --config="$1"
