# shellcheck shell=bash
# Whether this host will do, and what Kubernetes needs of it. Read by master.sh.

# What kubeadm asks for, in MB and processors.
least_memory=1700
least_processors=2

check_host() {
    local memory processors
    [ "$(id -u)" = 0 ] || demand "it changes the system: call it as root (sudo deploy/master.sh)"
    command -v apt-get >/dev/null || refuse "there is no apt-get here: it is made for Ubuntu and Debian"
    [ -d /run/systemd/system ] || demand "systemd does not run here: the control plane and rackseed are its services"
    memory=$(awk '/^MemTotal:/ { print int($2 / 1000) }' /proc/meminfo)
    [ "$memory" -ge $least_memory ] ||
        demand "too little memory: this host has $memory MB, a control plane needs $least_memory MB, and rackseed up to 1 GB more for images"
    processors=$(nproc)
    [ "$processors" -ge $least_processors ] ||
        demand "too few processors: this host has $processors, kubeadm asks for $least_processors"
}

install_tools() {
    tools_here() { has ca-certificates curl nftables; }
    get_tools() { apt_install ca-certificates curl nftables; }
    step 'curl and nftables' tools_here get_tools
}

# Where Kubernetes' packages of this release are.
repository() { printf 'https://pkgs.k8s.io/core:/stable:/%s/deb/' "$kubernetes"; }

# Before anything is downloaded: it may be no internet, a proxy, or a release that isn't.
check_internet() {
    [ -z "$dry_run" ] || return 0
    has kubeadm && return 0
    curl --fail --silent --show-error --location --max-time 30 --output /dev/null "$(repository)Release.key" ||
        refuse "$(repository) can not be reached. This host needs the internet while it is set up: is it there, is $kubernetes a release; behind a proxy, set https_proxy and no_proxy"
}

prepare_kernel() {
    local modules settings
    modules=$'overlay\nbr_netfilter'
    settings=$'net.ipv4.ip_forward = 1\nnet.bridge.bridge-nf-call-iptables = 1'

    no_swap() { [ -z "$(swapon --show --noheadings)" ]; }
    leave_swap() {
        change swapoff --all
        change sed -i -E 's/^[^#]+[[:space:]]swap[[:space:]]/# &/' /etc/fstab
    }
    step 'no swap, which a kubelet refuses' no_swap leave_swap

    kernel_ready() {
        holds /etc/modules-load.d/kubernetes.conf "$modules" && holds /etc/sysctl.d/90-kubernetes.conf "$settings" &&
            [ "$(sysctl -n net.ipv4.ip_forward net.bridge.bridge-nf-call-iptables 2>/dev/null)" = $'1\n1' ]
    }
    ready_kernel() {
        put /etc/modules-load.d/kubernetes.conf 0644 <<<"$modules"
        put /etc/sysctl.d/90-kubernetes.conf 0644 <<<"$settings"
        change modprobe --all overlay br_netfilter
        change sysctl -q -p /etc/sysctl.d/90-kubernetes.conf
    }
    step 'the kernel forwards packets of pods' kernel_ready ready_kernel
}

install_containerd() {
    local config=/etc/containerd/config.toml
    # Debian's own configuration looks for network plugins where no other distribution has them.
    containerd_ready() {
        has containerd && grep -q 'SystemdCgroup = true' "$config" && ! grep -q '/usr/lib/cni' "$config" &&
            systemctl is-active --quiet containerd
    }
    get_containerd() {
        has containerd || apt_install containerd
        if [ -n "$dry_run" ]; then
            put "$config" 0644 <<<'what "containerd config default" prints, with SystemdCgroup = true and plugins in /opt/cni/bin'
        else
            containerd config default |
                sed -e 's/SystemdCgroup = false/SystemdCgroup = true/' -e 's#/usr/lib/cni#/opt/cni/bin#' | put "$config" 0644
        fi
        change systemctl enable --quiet containerd
        change systemctl restart containerd
    }
    step 'containerd, with cgroups of systemd' containerd_ready get_containerd
}

install_kubernetes() {
    local key=/etc/apt/keyrings/kubernetes.asc list=/etc/apt/sources.list.d/kubernetes.list source
    source="deb [signed-by=$key] $(repository) /"
    packages_here() { holds "$list" "$source" && has kubelet kubeadm kubectl; }
    get_packages() {
        fetch "$(repository)Release.key" "$key"
        put "$list" 0644 <<<"$source"
        apt_install kubelet kubeadm kubectl
        # A control plane is upgraded by kubeadm, not by apt.
        change apt-mark hold kubelet kubeadm kubectl
    }
    if has kubeadm && ! holds "$list" "$source"; then
        say "ok    kubeadm $(kubeadm version -o short), which was here before; it is left as it is"
        return
    fi
    step "kubelet, kubeadm and kubectl $kubernetes" packages_here get_packages
}
