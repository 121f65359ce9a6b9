# shellcheck shell=bash
# rackseed itself: the program, its configuration, its images, its service. Read by master.sh.

settings=/etc/rackseed/rackseed.yaml
profiles=/etc/rackseed/profiles
assets=/var/lib/rackseed/assets
signing_key=https://www.flatcar.org/security/image-signing-key/Flatcar_Image_Signing_Key.asc

# Before anything is changed: whether rackseed will run here.
check_program() {
    local node=
    if [ -z "$package" ]; then
        case $checkout/ in
        /home/* | /root/* | /tmp/* | /var/tmp/*)
            demand "$checkout is hidden from services: put the checkout below /opt, or build a package (npm run package) and say --package FILE"
            ;;
        esac
        node=$(node --version 2>/dev/null | tr -d v || true)
    fi
    [ -n "$node" ] || node=$(apt-cache policy nodejs 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
    # A host whose lists of packages were never read does not know yet; apt will tell.
    case $node in '' | '(none)') return ;; esac
    dpkg --compare-versions "$node" ge 20.19 ||
        demand "Node.js 20.19 or later is needed, here it is $node: add a repository that has it, or use Ubuntu 26.04 or Debian 13"
}

install_rackseed() {
    if [ -n "$package" ]; then
        package_here() {
            # shellcheck disable=SC2016 # dpkg-query's own placeholder
            [ "$(dpkg-query -W -f '${Version}' rackseed 2>/dev/null)" = "$(dpkg-deb -f "$package" Version)" ]
        }
        get_package() { apt_install "$(realpath "$package")"; }
        step "rackseed from $package" package_here get_package
    else
        built_here() { [ "$(readlink /usr/local/bin/rackseed)" = "$checkout/dist/main.js" ] && [ -e "$checkout/dist/main.js" ]; }
        build() {
            if ! has ipxe nodejs || ! command -v npm >/dev/null; then apt_install ipxe nodejs npm; fi
            change npm --prefix "$checkout" run build
            change ln -sfn "$checkout/dist/main.js" /usr/local/bin/rackseed
        }
        step "rackseed from $checkout" built_here build
    fi
    # A package has done so when it was installed.
    prepared() { [ -f "$settings" ] && getent passwd rackseed >/dev/null; }
    prepare() { change rackseed install; }
    step 'user, folders and configuration of rackseed' prepared prepare
}

write_configuration() {
    configured() {
        [ -f "$settings" ] && { ! untouched || [ "$(shipped | adapted)" = "$(shipped)" ]; } &&
            says "interface: $interface" && says "address: $address" && rackseed check --config /etc/rackseed >/dev/null
    }
    configure() {
        if [ -f "$settings" ] && ! untouched; then
            refuse "$settings was edited, so it is left alone. For this network it should say interface: $interface, address: $address"
        fi
        if [ -n "$dry_run" ]; then
            { diff <(shipped) <(shipped | adapted) || true; } | sed -n -E 's/^< /      -/p; s/^> /      +/p'
        else
            shipped | adapted | put "$settings" 0644
            rackseed check --config /etc/rackseed
        fi
    }
    step "$settings serves $interface" configured configure
}

# says TEXT: a line of rackseed.yaml, but for what is before it and a comment behind it.
says() { sed -E 's/^[ -]+//; s/ *#.*//' "$settings" | grep -xF -- "$1" >/dev/null; }

# The configuration as it is before anybody edits it.
untouched() { [ "$(shipped)" = "$(cat "$settings")" ]; }
shipped() {
    local file=$checkout/config/rackseed.yaml packaged=/usr/lib/rackseed/config/rackseed.yaml
    if [ -n "$package" ] && [ -f "$packaged" ]; then file=$packaged; fi
    sed "s#directory: \.\./assets#directory: $assets#" "$file"
}

# Standard input, with this network.
adapted() {
    local own=${address%/*}
    sed -E -e "s#^( +interface:) .*#\1 $interface#" \
        -e "s#^( +address:) .*#\1 $address#" \
        -e "s#^( +range:) [^ ]+#\1 $range#" \
        -e "s#^( +router:) .*#\1 $own#" \
        -e "s#^( +dns:) .*#\1 [${dns//,/, }]#"
}

pull_images() {
    local version
    version=$(release)
    key_here() { [ -n "$(ls /etc/rackseed/keys 2>/dev/null)" ]; }
    get_key() {
        local file=/etc/rackseed/Flatcar_Image_Signing_Key.asc
        fetch "$signing_key" "$file"
        # It takes only the key whose fingerprint it knows.
        change rackseed images key add --config /etc/rackseed "$file"
    }
    step 'the key that Flatcar signs with' key_here get_key

    images_here() { [ -e "$assets/flatcar/current" ] && [ -d "$assets/kubernetes/$version" ]; }
    get_images() {
        change env --chdir=/ runuser -u rackseed -- rackseed images pull --config /etc/rackseed --follow "$image" "kubernetes@$version"
    }
    step "$image and what a node of Kubernetes $version runs" images_here get_images

    # The profiles name versions; workers get what was pulled.
    profiles_follow() {
        [ -f "$profiles/worker.yaml" ] && grep -qE '^ +image: flatcar/current\b' "$profiles/worker.yaml" &&
            grep -qF "version: $version" "$profiles/kubernetes-node.yaml"
    }
    follow() {
        change sed -i -E 's#^( +image:) flatcar/[^ ]+#\1 flatcar/current#' "$profiles/worker.yaml"
        change sed -i -E "s#(kubelet:.* version:) v[0-9.]+#\1 $version#" "$profiles/kubernetes-node.yaml"
    }
    step 'workers boot what was pulled' profiles_follow follow
}

serve() {
    serves() { systemctl is-active --quiet rackseed.service && rackseed install --kubeadm --dry-run | check_nothing_left; }
    # Every line of it begins with "ok" when nothing is to be done.
    check_nothing_left() { ! grep -vE '^(ok|$)' >/dev/null; }
    # Neither the cluster's CA key nor admin.conf is for it: it gets an account of its own with few rights.
    start() { change rackseed install --kubeadm; }
    step "rackseed serves $interface" serves start
}

finished() {
    if [ -n "$dry_run" ]; then
        say 'Nothing was changed: this was a dry run.'
        return
    fi
    cat <<TEXT

This host is the master. Connect a machine to $interface, let it boot from the network, and:
  rackseed machines --watch                shows it come; unknown ones wait for "rackseed approve MAC"
  kubectl get nodes                        shows it when it is up
  rackseed doctor --config /etc/rackseed   looks for what keeps it from it
The page is at http://127.0.0.1:9080/ of this host.
TEXT
}
