#!/bin/bash
# Turns a plain Ubuntu or Debian host into the master of a rack: containerd, a kubeadm control plane, flannel, and rackseed
# with its images, serving. Each step looks first, and does only what isn't done: call it again at any time.
set -Eeuo pipefail
# The service reads some of what is written here, whatever the habit of this host.
umask 022

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(dirname "$here")

dry_run=
interface=
address=
range=
dns=
package=
image=flatcar@stable
kubernetes=v1.36
flannel=https://github.com/flannel-io/flannel/releases/download/v0.28.9/kube-flannel.yml
nat=yes

usage() {
    cat <<'TEXT'
usage: deploy/master.sh [options]        as root, on Ubuntu or Debian

Makes this host the master of a rack: containerd, kubeadm's control plane, flannel, and rackseed, which serves the
provisioning network. It can be called again at any time, and does only what isn't done yet.

  --dry-run               show every step and change nothing
  --interface NAME        the card on the provisioning network; not needed where only one could be meant
  --address ADDRESS/LEN   this host's address there, which the card has already: 192.168.0.254/24
  --range FIRST-LAST      addresses to lease; else a hundred beside this host's
  --dns ADDRESS[,…]       name servers for the machines; else those that this host asks
  --package FILE          rackseed's Debian package (npm run package); else this checkout is built and used
  --image IMAGE           what workers boot: flatcar@stable (default), @beta, @alpha, @lts, or a version
  --kubernetes vX.Y       release of Kubernetes: v1.36 (default)
  --flannel URL|FILE      flannel's manifest; else that of its release v0.28.9
  --no-nat                machines have another way to the internet than through this host
  --help                  this text

Behind a proxy, set http_proxy, https_proxy and no_proxy. docs/master.md tells what each step changes.
TEXT
}

. "$here/lib/say.sh"
. "$here/lib/host.sh"
. "$here/lib/network.sh"
. "$here/lib/cluster.sh"
. "$here/lib/service.sh"

while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --no-nat) nat= ;;
    --help | -h)
        usage
        exit 0
        ;;
    --interface | --address | --range | --dns | --package | --image | --kubernetes | --flannel)
        [ $# -gt 1 ] || misused "$1 needs a value"
        declare "${1#--}=$2"
        shift
        ;;
    *) misused "there is no option $1" ;;
    esac
    shift
done
[[ $kubernetes =~ ^v1\.[0-9]+$ ]] || misused "--kubernetes $kubernetes: it must be a release such as v1.36"
[[ $image =~ ^flatcar(@[a-z0-9.]+)?$ ]] ||
    misused "--image $image: it must be flatcar@CHANNEL or flatcar@VERSION; for other systems pull an image and write a profile afterwards"
[ -z "$package" ] || [ -r "$package" ] || misused "--package $package: there is no such file"

trap 'failed $?' EXIT

check_host
check_program
choose_network
say "the rack's network: $interface with $address; machines get $range"

install_tools
check_internet
prepare_kernel
install_containerd
install_kubernetes
start_control_plane
start_flannel
give_way_out
install_rackseed
write_configuration
pull_images
serve

finished
