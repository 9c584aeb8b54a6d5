#!/usr/bin/env bash
# What the scripts for Kubernetes share: common options, words, the dry run, the context they act on.
# A script sources this, defines own_option where it has options of its own, and calls `options "$@"`.
# Its --help is the comment it opens with.
# shellcheck disable=SC2034  # much of this is for the script that sources it
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${TODO_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/todo-app}
NAME=$(basename "$0")
NAMESPACE=todo RELEASE=todo-app CONTEXT='' DRY_RUN='' YES='' VALUES=()
TOOLS=() # programs that are not on the PATH, in turn: name, path

say() { printf '  %s\n' "$*"; }

# fail REASON [COMMAND]: why it went no further, and what to type next
fail() {
    printf 'error: %s\n' "$1" >&2
    [[ -z ${2-} ]] || printf 'next:  %s\n' "$2" >&2
    exit 1
}

# done_with WORDS [COMMAND]
done_with() {
    if [[ $DRY_RUN ]]; then
        echo "$NAME: dry run, nothing was changed"
    else
        echo "$NAME: $1"
        [[ -z ${2-} ]] || printf 'next:  %s\n' "$2"
    fi
}

has() { command -v "$1" >/dev/null 2>&1; }

# What a script says of itself.
opening_comment() { awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"; }

help_text() {
    opening_comment
    cat <<'TEXT'

Common options:
  --namespace NAME   todo           --release NAME     todo-app
  --context NAME     the current one of kubectl's configuration
  --values FILE      for helm; may be given several times, the last one wins
  --dry-run          print the commands that would change something, and change nothing
  --yes              do not ask before something is deleted
  --help             this text
TEXT
}

# A script's own options: print how many words were one, 0 for none. Replaced by those that have some.
own_option() { return 1; }
TAKEN=0
took() { TAKEN=$1; }

# need_value OPTION [VALUE]
need_value() { (($# > 1)) || fail "$1 needs a value" "scripts/$NAME --help"; }

options() {
    while (($#)); do
        if [[ $1 == --*=* ]]; then
            set -- "${1%%=*}" "${1#*=}" "${@:2}"
        fi
        TAKEN=0
        case $1 in
            --help | -h)
                help_text
                exit 0
                ;;
            --namespace) need_value "$@" && NAMESPACE=$2 && took 2 ;;
            --release) need_value "$@" && RELEASE=$2 && took 2 ;;
            --context) need_value "$@" && CONTEXT=$2 && took 2 ;;
            --values | -f) need_value "$@" && VALUES+=(--values "$2") && took 2 ;;
            --dry-run) DRY_RUN=1 && took 1 ;;
            --yes) YES=1 && took 1 ;;
            *) own_option "$@" || true ;;
        esac
        ((TAKEN)) || fail "$NAME does not know '$1'" "scripts/$NAME --help"
        shift "$TAKEN"
    done
    local file
    for file in "${VALUES[@]}"; do
        [[ $file == --values || -r $file ]] || fail "the values file $file cannot be read" "ls -l $file"
    done
}

# The common options for another of these scripts.
common() {
    printf '%s\n' --namespace "$NAMESPACE" --release "$RELEASE"
    [[ -z $CONTEXT ]] || printf '%s\n' --context "$CONTEXT"
    [[ -z $DRY_RUN ]] || echo --dry-run
}

# ------------------------------------------------------------------ commands
# As one would type it.
typed() {
    local word out=
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=@,+%-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
        out+=" $word"
    done
    printf '%s\n' "${out# }"
}

# Say the command, then run it; in a dry run only say it.
run() {
    printf '+ %s\n' "$(typed "$@")"
    [[ $DRY_RUN ]] || "$@"
}

# run_with INPUT COMMAND…: the same with a text on standard input, which is shown, too
run_with() {
    local input=$1
    shift
    printf '+ %s <<END\n%s\nEND\n' "$(typed "$@")" "$input"
    [[ $DRY_RUN ]] || "$@" <<<"$input"
}

CHILD=''
end_child() {
    [[ -z $CHILD ]] || kill "$CHILD" 2>/dev/null || true
    [[ -z ${SAID-} ]] || rm -rf "$SAID"
}
trap end_child EXIT

# run_long WHAT STATE COMMAND…: say it, run it with its output kept for the case that it fails, and say
# every 10 s that it still runs, with what STATE (a function) prints.
run_long() {
    local what=$1 state=$2 log code=0 began=$SECONDS at=$SECONDS
    shift 2
    printf '+ %s\n' "$(typed "$@")"
    [[ -z $DRY_RUN ]] || return 0
    log=$(mktemp)
    "$@" >"$log" 2>&1 &
    CHILD=$!
    while kill -0 "$CHILD" 2>/dev/null; do
        sleep 0.2
        if ((SECONDS - at >= 10)); then
            at=$SECONDS
            say "$what … $((SECONDS - began)) s$("$state")"
        fi
    done
    wait "$CHILD" || code=$?
    CHILD=
    if ((code)); then
        tail -n 40 "$log" >&2
    else
        say "$what: done in $((SECONDS - began)) s"
    fi
    rm -f "$log"
    return "$code"
}
no_state() { :; }

# ------------------------------------------------------------------ programs and the cluster
# Where a program lies: on the PATH, or where `scripts/setup k8s` put it.
program() {
    local at path=
    for ((at = 0; at < ${#TOOLS[@]}; at += 2)); do
        [[ ${TOOLS[at]} != "$1" ]] || { echo "${TOOLS[at + 1]}" && return; }
    done
    has "$1" || path=$(find "$CACHE/bin" -maxdepth 1 \( -name "$1" -o -name "$1-v[0-9]*" \) 2>/dev/null | sort -V | tail -n 1)
    echo "${path:-$1}"
}

# need_program NAME NEXT: refuse to go on without it, but for a dry run
need_program() {
    local path
    path=$(program "$1")
    has "$path" || [[ $DRY_RUN ]] || fail "$1 is not on this machine" "$2"
    TOOLS+=("$1" "$path")
}

kc() { "$(program kubectl)" ${CONTEXT:+--context "$CONTEXT"} -n "$NAMESPACE" "$@"; }

# The words of a command, for `run`: command lines that a user can repeat.
kubectl_words() { KUBECTL=("$(program kubectl)" ${CONTEXT:+--context "$CONTEXT"} -n "$NAMESPACE"); }
helm_words() { HELM=("$(program helm)" ${CONTEXT:+--kube-context "$CONTEXT"} -n "$NAMESPACE"); }
KUBECTL=() HELM=()
use_context() { CONTEXT=$1 && kubectl_words && helm_words; }
in_namespace() { NAMESPACE=$1 && kubectl_words && helm_words; }

# Say which cluster is acted on, and refuse one that does not answer.
cluster() {
    local server said
    need_program kubectl "https://kubernetes.io/docs/tasks/tools/"
    [[ $CONTEXT ]] || CONTEXT=$("$(program kubectl)" config current-context 2>/dev/null || true)
    server=$("$(program kubectl)" config view --minify ${CONTEXT:+--context "$CONTEXT"} \
        -o jsonpath='{.clusters[0].cluster.server}' 2>/dev/null || true)
    echo "context ${CONTEXT:-(none)} (${server:-no server}), namespace $NAMESPACE, release $RELEASE"
    kubectl_words
    helm_words
    if [[ -z $server ]]; then
        [[ -z $DRY_RUN ]] || return 0
        fail "kubectl's configuration has no context '${CONTEXT:-(none)}'" \
            "kubectl config get-contexts, then scripts/$NAME --context NAME"
    fi
    if ! said=$(kc get --raw /version --request-timeout 10s 2>&1); then
        [[ -z $DRY_RUN ]] || return 0
        fail "the cluster of context $CONTEXT does not answer: $(tail -n 1 <<<"$said")" \
            "kubectl --context $CONTEXT get nodes"
    fi
}

# confirm WHAT: go on only with --yes or after a typed yes
confirm() {
    local answer=
    [[ -z $DRY_RUN && -z $YES ]] || return 0
    if [[ -t 0 ]]; then
        read -r -p "$1. Type yes to go on: " answer
    fi
    [[ $answer == yes ]] || fail "$1: nothing was changed" "scripts/$NAME with the same options and --yes"
}

# What is not ready in the namespace, in a few words, for run_long.
not_ready() {
    kc get pods --no-headers 2>/dev/null | awk '$3 == "Completed" { next } { all++; split($2, n, "/") }
        n[1] == n[2] { ready++; next } found++ < 4 { text = text ", " $1 " " $3 }
        END { if (all) printf ": %d of %d pods ready%s%s", ready, all, text, (found > 4 ? ", …" : "") }' || true
}

# The same, and keep what containers said that failed: helm takes the pods of a failed release away.
SAID='' # a folder
keep_what_is_said() { SAID=$(mktemp -d); }
not_ready_and_why() {
    not_ready
    keep_logs
}

keep_logs() {
    local pod container
    while read -r pod container; do
        [[ -n $container && ! -s $SAID/$container ]] || continue
        kc logs "$pod" -c "$container" --previous --tail 4 >"$SAID/$container" 2>/dev/null \
            || kc logs "$pod" -c "$container" --tail 4 >"$SAID/$container" 2>/dev/null || true
    done < <(kc get pods -o json 2>/dev/null | python3 -c '
import json, sys
for pod in json.load(sys.stdin)["items"]:
    status = pod["status"]
    for one in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        ended = one["state"].get("terminated") or one.get("lastState", {}).get("terminated")
        if ended and ended["exitCode"]:
            print(pod["metadata"]["name"], one["name"])' 2>/dev/null)
}

# What went wrong, as far as it is known: what failed containers said, and the last warnings.
show_trouble() {
    local file
    [[ -n $SAID ]] || keep_what_is_said
    keep_logs
    for file in "$SAID"/*; do
        [[ -s $file ]] || continue
        echo "-- container ${file##*/} failed, and said:" >&2
        cut -c1-400 "$file" >&2
    done
    echo "-- the last warnings of the namespace:" >&2
    kc get events --field-selector type=Warning --sort-by .lastTimestamp --no-headers \
        -o custom-columns=AT:.lastTimestamp,WHAT:.involvedObject.name,WHY:.reason,SAYS:.message 2>/dev/null \
        | tail -n 8 | cut -c1-220 >&2 || true
}

CHART=$ROOT/helm/todo-app

# The state of the release: deployed, failed, pending-upgrade, …; nothing where there is none.
release_state() {
    "${HELM[@]}" status "$RELEASE" -o json 2>/dev/null | sed -n 's/.*"status":"\([a-z-]*\)".*/\1/p' || true
}

# ------------------------------------------------------------------ what a local cluster lacks
INGRESS_NODE_PORT=30080

# Traefik, reached at a port of the node, since a local cluster has no load balancer.
install_traefik() {
    local NAMESPACE KUBECTL HELM # another one for a while
    in_namespace traefik
    run_long "installing Traefik" no_state "${HELM[@]}" upgrade --install traefik traefik \
        --repo https://traefik.github.io/charts --create-namespace \
        --set service.type=NodePort --set "ports.web.nodePort=$INGRESS_NODE_PORT" --wait --timeout 5m \
        || fail "Traefik could not be installed" "kubectl -n traefik get pods,events"
}

install_metrics_server() {
    local NAMESPACE KUBECTL HELM
    in_namespace kube-system
    run_long "installing metrics-server" no_state "${HELM[@]}" upgrade --install metrics-server metrics-server \
        --repo https://kubernetes-sigs.github.io/metrics-server/ "$@" --wait --timeout 5m \
        || fail "metrics-server could not be installed" "kubectl -n kube-system get pods,events"
}
