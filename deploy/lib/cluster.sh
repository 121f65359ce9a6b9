# shellcheck shell=bash
# The control plane and its network of pods. Read by master.sh.

admin=/etc/kubernetes/admin.conf
# flannel's manifest has it.
pods=10.244.0.0/16

kube() { kubectl --kubeconfig "$admin" "$@"; }

start_control_plane() {
    local config=/etc/kubernetes/kubeadm.yaml
    control_plane_here() {
        [ -f "$admin" ] || return 1
        # kubeadm's last work.
        kube -n kube-system get daemonset kube-proxy >/dev/null && kube get --raw /readyz >/dev/null
    }
    begin_control_plane() {
        [ ! -f "$admin" ] || [ -n "$dry_run" ] ||
            refuse "there is a $admin, but its API server does not answer or was not finished. Look at: crictl ps -a, journalctl -u kubelet. To begin anew: kubeadm reset"
        # The address is said everywhere: otherwise Kubernetes takes the one of the way to the internet.
        put "$config" 0600 <<TEXT
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: ${address%/*}
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs:
    - name: node-ip
      value: ${address%/*}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: $(release)
controlPlaneEndpoint: ${address%/*}:6443
networking:
  podSubnet: $pods
TEXT
        change kubeadm init --config "$config"
        [ -n "$dry_run" ] || wait_for "the API server" control_plane_here
    }
    step "control plane at ${address%/*}" control_plane_here begin_control_plane

    root_asks() { [ -e "$HOME/.kube/config" ]; }
    let_root_ask() {
        change mkdir -p "$HOME/.kube"
        change ln -s "$admin" "$HOME/.kube/config"
    }
    step 'kubectl of root' root_asks let_root_ask
}

# The version of kubeadm, which the control plane gets as well; before there is one, the release.
release() { kubeadm version -o short 2>/dev/null || printf '%s' "$kubernetes"; }

# wait_for WHAT CHECK: a minute, then it refuses.
wait_for() {
    local tries
    for tries in {1..60}; do
        ! "$2" 2>/dev/null || return 0
        [ "$tries" -lt 60 ] && sleep 1
    done
    refuse "$1: not there after a minute"
}

start_flannel() {
    local manifest=/etc/kubernetes/flannel.yaml own=${address%/*}
    # On a host with several cards, flannel takes the one to the internet if it isn't told. Here it finds the address; a
    # machine has another one, and finds the card by which it reaches this host.
    flannel_here() {
        [ -f "$admin" ] && kube -n kube-flannel get daemonset kube-flannel-ds -o yaml 2>/dev/null |
            grep -F -- "--iface-can-reach=$own" >/dev/null
    }
    bring_flannel() {
        fetch "$flannel" "$manifest"
        if [ -n "$dry_run" ]; then
            say "      with --iface=$own and --iface-can-reach=$own"
        else
            grep -qF "\"Network\": \"$pods\"" "$manifest" || refuse "$flannel: it is not a manifest of flannel for $pods"
            sed -i -E "s/^( *)- --kube-subnet-mgr\$/&\n\1- --iface=$own\n\1- --iface-can-reach=$own/" "$manifest"
        fi
        change kubectl --kubeconfig "$admin" apply -f "$manifest"
    }
    step "flannel on $interface" flannel_here bring_flannel

    local ready=(kubectl --kubeconfig "$admin" wait --for=condition=Ready node -l node-role.kubernetes.io/control-plane)
    node_ready() { [ -f "$admin" ] && "${ready[@]}" --timeout=1s >/dev/null 2>&1; }
    await_node() { change "${ready[@]}" --timeout=300s; }
    step 'this host is a node, and Ready' node_ready await_node
}
