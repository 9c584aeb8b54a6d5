#!/usr/bin/env bash
# The tools that check what runs on Kubernetes, and the schemas they need: a part of scripts/setup, which sources it.
# shellcheck disable=SC2154  # ROOT and CACHE are set there

# The folder has a program for each tool: one that was installed (a link), else a release held against its
# checksum, else what tools/k8s pins, built by Go. scripts/k8s-tools prints it.
K8S_TOOLS=(helm helm-unittest kubeconform helm-docs kustomize) # of one module, so they share what they are made of
K8S_GITHUB=${K8S_GITHUB:-https://github.com}
K8S_HELM_RELEASES=${K8S_HELM_RELEASES:-https://get.helm.sh}
K8S_GO_NEEDED=1.25

declare -A K8S_MODULES=(
    [helm]=helm.sh/helm/v3 [helm-unittest]=github.com/helm-unittest/helm-unittest
    [kubeconform]=github.com/yannh/kubeconform [kube-score]=github.com/zegl/kube-score
    [helm-docs]=github.com/norwoodj/helm-docs [kustomize]=sigs.k8s.io/kustomize/kustomize/v5 [k6]=go.k6.io/k6
)
# versions that do as well, when they are installed
declare -A K8S_FITS=(
    [helm]='3\.(1[7-9]|2[0-9])\.' [helm-unittest]='1\.0\.' [kubeconform]='0\.[6-9]\.' [kube-score]='1\.(19|2[0-9])\.'
    [helm-docs]='1\.14\.' [kustomize]='5\.[4-9]\.' [k6]='(0\.5[2-9]|1)\.'
)

# the version that go.mod pins, without its v
k8s_version() {
    local module=tools/k8s/go.mod
    [[ ! -e $ROOT/tools/k8s/$1 ]] || module=tools/k8s/$1/go.mod
    sed -nE "s#^(require)?[[:space:]]+${K8S_MODULES[$1]} v([^ ]+).*#\2#p" "$ROOT/$module" | head -n 1
}

# What an installed program says of itself.
k8s_says() {
    case $1 in
        helm) "$2" version --template '{{.Version}}' ;;
        helm-unittest) sed -n 's/^version: *//p' "$(dirname "$2")/plugin.yaml" ;;
        kubeconform) "$2" -v ;;
        helm-docs) "$2" --version ;;
        *) "$2" version ;;
    esac 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1
}

k8s_installed() {
    local place plugins=${HELM_PLUGINS:-${XDG_DATA_HOME:-$HOME/.local/share}/helm/plugins}
    if [[ $1 == helm-unittest ]]; then
        place=$(compgen -G "$plugins/helm-unittest*/untt" | head -n 1) || return 1
    else
        place=$(command -v "$1") || return 1
    fi
    [[ $(k8s_says "$1" "$place") =~ ^${K8S_FITS[$1]} ]] && echo "$place"
}

# Where a release's archive and its checksums are, and the program in it.
k8s_release() {
    local name=$1 version=$2 arch=$3 at
    at=$K8S_GITHUB/${K8S_MODULES[$name]#github.com/}/releases/download/v$version
    case $name in
        helm)
            at=$K8S_HELM_RELEASES/helm-v$version-linux-$arch.tar.gz
            echo "$at $at.sha256sum linux-$arch/helm"
            ;;
        helm-unittest) echo "$at/helm-unittest-linux-$arch-$version.tgz $at/helm-unittest-checksum.sha untt" ;;
        kubeconform) echo "$at/kubeconform-linux-$arch.tar.gz $at/CHECKSUMS kubeconform" ;;
        kube-score) echo "$at/kube-score_${version}_linux_$arch.tar.gz $at/checksums.txt kube-score" ;;
        helm-docs) echo "$at/helm-docs_${version}_Linux_${arch/amd64/x86_64}.tar.gz $at/checksums.txt helm-docs" ;;
        kustomize)
            at=$K8S_GITHUB/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv$version
            echo "$at/kustomize_v${version}_linux_$arch.tar.gz $at/checksums.txt kustomize"
            ;;
        k6)
            at=$K8S_GITHUB/grafana/k6/releases/download/v$version
            echo "$at/k6-v$version-linux-$arch.tar.gz $at/k6-v$version-checksums.txt k6-v$version-linux-$arch/k6"
            ;;
    esac
}

# Once a release was not to be had, the others are not asked for.
K8S_OFFLINE=
k8s_download() {
    local name=$1 into=$2 archive sums member work said
    if [[ -n $K8S_OFFLINE ]] || ! has curl; then return 1; fi
    read -r archive sums member < <(k8s_release "$name" "$(k8s_version "$name")" "$(machine)")
    work=$(mktemp -d)
    if ! said=$(curl --fail --location --silent --show-error --connect-timeout 5 --max-time 60 --output "$work/sums" "$sums" 2>&1) \
        || ! said=$(curl --fail --location --silent --show-error --connect-timeout 5 --max-time 600 --speed-limit 1000 \
            --speed-time 30 --output "$work/archive" "$archive" 2>&1); then
        say "$archive is not to be had: ${said##*$'\n'}"
        rm -rf "$work"
        K8S_OFFLINE=yes
        return 1
    fi
    if ! grep -F "${archive##*/}" "$work/sums" | grep -qF "$(sha256sum "$work/archive" | cut -d' ' -f1)"; then
        rm -rf "$work"
        fail "${archive##*/} does not have the checksum that was published with it; nothing was installed"
    fi
    tar -xzf "$work/archive" -C "$work" "$member"
    install -m 755 "$work/$member" "$into"
    rm -rf "$work"
    say "$name $(k8s_version "$name"): downloaded, checksum holds"
}

# The Go that can build them, or nothing.
k8s_go() {
    local go=go version
    has go || go=/usr/local/go/bin/go
    version=$("$go" env GOVERSION 2>/dev/null | sed 's/^go//') || true
    [[ -n $version ]] && at_least "$K8S_GO_NEEDED" "$version" && echo "$go"
}

# helm and what is made of it take Kubernetes' version, for a chart's kubeVersion, from how they are linked
k8s_ldflags() {
    local kubernetes version
    kubernetes=$(sed -n 's#^k8s.io/kubernetes v1\.\([0-9]*\)\..*#\1#p' "$ROOT/tools/k8s/definitions.txt")
    version=$(k8s_version helm)
    echo "-s -w -X helm.sh/helm/v3/internal/version.version=v$version" \
        "-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=$kubernetes" \
        "-X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=$kubernetes"
}

# k8s_build MODULE-FOLDER INTO NAME…: all of them by one command, since they share most of their packages
k8s_build() {
    local module=$1 into=$2 go name packages=()
    shift 2
    if ! go=$(k8s_go); then
        say "cannot build $*: that needs Go $K8S_GO_NEEDED or later"
        return 1
    fi
    for name in "$@"; do
        case $name in
            kustomize | k6) packages+=("${K8S_MODULES[$name]}") ;;
            *) packages+=("${K8S_MODULES[$name]}/cmd/$name") ;;
        esac
    done
    mkdir -p "$into/new"
    with_progress "building $*" env GOTOOLCHAIN=local GOFLAGS=-mod=readonly CGO_ENABLED=0 \
        "$go" build -C "$ROOT/$module" -trimpath -ldflags "$(k8s_ldflags)" -o "$into/new/" "${packages[@]}" || return 1
    mv "$into"/new/* "$into/"
    rmdir "$into/new"
}

# setup_k8s_tools FOLDER MODULE-FOLDER NAME…
setup_k8s_tools() {
    local folder=$1 module=$2 name path missing=()
    shift 2
    mkdir -p "$folder"
    for name in "$@"; do
        [[ -x $folder/$name ]] && continue
        if path=$(k8s_installed "$name"); then
            ln -sf "$path" "$folder/$name"
            say "$name: using $path"
        else
            k8s_download "$name" "$folder/$name" || missing+=("$name")
        fi
    done
    ((${#missing[@]} == 0)) || k8s_build "$module" "$folder" "${missing[@]}" \
        || say "going on without ${missing[*]}: make lint-k8s says what it skips"
    mkdir -p "$CACHE/bin"
    for name in "$@"; do
        # where scripts/k8slib.sh looks for what is not on the PATH
        [[ ! -x $folder/$name ]] || ln -sfn "$folder/$name" "$CACHE/bin/$name"
    done
}

k8s_folder() { "$ROOT/scripts/k8s-tools"; }

# The folder of one module's definitions, held against the checksum that is written beside its name.
k8s_definitions() {
    local module=$1 version=$2 sum=$3 folder=$4 said
    said=$(cd / && GOFLAGS='' GOTOOLCHAIN=local "$(k8s_go)" mod download -json "$module@$version") || {
        say "$module $version could not be fetched" >&2
        return 1
    }
    [[ $(sed -n 's/^\t"Sum": "\(.*\)",*$/\1/p' <<<"$said") == "$sum" ]] \
        || fail "$module $version does not have the checksum in tools/k8s/definitions.txt; nothing was installed"
    echo "$(sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' <<<"$said")/$folder"
}

# Strimzi's definitions are made from its classes, by its own program.
strimzi_definitions() {
    local into=$1 jars=$1/jars model=io.strimzi.api.kafka.model kind wanted=() paths
    mvn -q -B -f "$ROOT/tools/strimzi/pom.xml" \
        org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory="$jars" || return 1
    for kind in kafka.Kafka nodepool.KafkaNodePool topic.KafkaTopic user.KafkaUser; do
        wanted+=("$model.$kind=$into/${kind#*.}.yaml")
    done
    # the program brings older copies of what the classes need, so it comes last
    paths=$(find "$jars" -name '*.jar' ! -name 'crd-generator-*' | sort | tr '\n' ':')$(echo "$jars"/crd-generator-*.jar)
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$paths" \
        io.strimzi.crdgenerator.CrdGenerator --yaml "${wanted[@]}" || return 1
    rm -rf "$jars"
}

make_k8s_schemas() {
    local into=$1 line path sources=() work
    work=$(mktemp -d)
    while read -r line; do
        # shellcheck disable=SC2086  # four words
        path=$(k8s_definitions $line) || return 1
        sources+=("$path")
    done < <(grep -v '^#' "$ROOT/tools/k8s/definitions.txt")
    strimzi_definitions "$work" || return 1
    rm -rf "$into.new"
    "$ROOT/scripts/k8s-schemas" "$into.new" "${sources[@]}" "$work" || return 1
    rm -rf "$into" "$work"
    mv "$into.new" "$into"
}

setup_k8s_schemas() {
    local folder
    folder=$("$ROOT/scripts/k8s-tools" --schemas)
    [[ ! -d $folder ]] || return 0
    if ! k8s_go >/dev/null; then
        say "no schemas of Kubernetes' objects: fetching them needs Go $K8S_GO_NEEDED or later"
        return 0
    fi
    with_progress "making the schemas of Kubernetes' objects" make_k8s_schemas "$folder" \
        || say "going on without schemas: make lint-k8s says what it skips"
}

setup_k8s() {
    setup_k8s_tools "$(k8s_folder)" tools/k8s "${K8S_TOOLS[@]}"
    setup_k8s_tools "$(k8s_folder)" tools/k8s/kube-score kube-score
    setup_k8s_schemas
}

setup_k6() {
    setup_k8s_tools "$(k8s_folder)" tools/k8s/k6 k6
    [[ -x $(k8s_folder)/k6 ]] || fail "no k6: install it (https://k6.io), or Go $K8S_GO_NEEDED, or try with a network"
}
