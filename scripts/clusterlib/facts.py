"""What must hold of an installation, held against what the cluster really has: one line a fact.

A fact is a function that yields what breaks it; a fact that finds nothing to look at says so itself."""

from stacklib import SERVICES

from . import CONTROL_PLANE, Cluster, is_over, serving, workload_kind


class Facts:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.passed = self.failed = 0
        self.pods = [pod for pod in cluster.items("pods") if not is_over(pod)]

    def hold(self, what: str, breaks) -> None:
        found = list(breaks)
        if found:
            self.failed += 1
            print(f"  FAILED  {what}", flush=True)
            for text in found[:8]:
                print(f"            {text}", flush=True)
            if len(found) > 8:
                print(f"            and {len(found) - 8} more", flush=True)
        else:
            self.passed += 1
            print(f"  ok      {what}", flush=True)

    def check(self) -> None:
        self.hold("the namespace enforces PodSecurity restricted", self.namespace())
        self.hold("every service runs, each pod with its sidecar", self.sidecars())
        self.hold("no container runs as root", self.each(not_root))
        self.hold("no container writes its root file system", self.each(read_only))
        self.hold("no container holds a capability or may gain one", self.each(no_capability))
        self.hold("every container has a seccomp profile", self.each(seccomp))
        self.hold("every container says what it needs, and has a limit of memory", self.each(resources))
        self.hold("no pod shares a name space of its node", self.host())
        self.hold("only sidecars hold a token of Kubernetes", self.tokens())
        self.hold("each service may read its own secrets alone", self.rights())
        self.hold("what is not allowed is denied, in and out", self.default_deny())
        self.hold("every pod has a policy that allows what it needs", self.policies())
        self.hold("nothing is open at the nodes", self.node_ports())
        self.hold("a quota and a limit range are in force", self.quota())
        self.hold("the autoscalers have figures", self.autoscalers())
        self.hold("a drain takes one pod of a service at a time", self.budgets())
        self.hold("sidecars prove themselves by mTLS", self.mtls())
        self.hold("calls between services are denied unless allowed", self.access())

    # ------------------------------------------------------------------ pods
    def namespace(self):
        there = self.cluster.get("namespace", self.cluster.namespace) or {}
        level = there.get("metadata", {}).get("labels", {}).get("pod-security.kubernetes.io/enforce")
        if level != "restricted":
            yield f"its label pod-security.kubernetes.io/enforce is {level or 'not set'}"

    def sidecars(self):
        for service in SERVICES:
            own = serving(service, self.pods)
            if not own:
                yield f"{service}: no pod"
            for pod in own:
                if "daprd" not in [c["name"] for c in containers(pod)]:
                    yield f"{pod['metadata']['name']}: no container daprd"

    def each(self, rule):
        if not self.pods:
            yield "there are no pods"
        for pod in self.pods:
            for container in containers(pod):
                said = rule(pod["spec"], container)
                if said:
                    yield f"{pod['metadata']['name']}/{container['name']}: {said}"

    def host(self):
        for pod in self.pods:
            shared = [key for key in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(key)]
            shared += [v["name"] for v in pod["spec"].get("volumes", []) if "hostPath" in v]
            for name in shared:
                yield f"{pod['metadata']['name']}: {name}"

    def tokens(self):
        for pod in self.pods:
            spec = pod["spec"]
            holding = {v["name"] for v in spec.get("volumes", []) if has_kube_token(v)}
            for container in containers(pod):
                mounts = [m["name"] for m in container.get("volumeMounts", []) if m["name"] in holding]
                if mounts and container["name"] != "daprd":
                    yield f"{pod['metadata']['name']}/{container['name']} mounts {mounts[0]}"

    # ------------------------------------------------------------------ rights
    def rights(self):
        account = f"system:serviceaccount:{self.cluster.namespace}:"
        for service in SERVICES:
            other = "audit" if service != "audit" else "backend"
            asked = (
                ("get", f"secret/{other}-database"),
                ("list", "secrets"),
                ("get", "secret/postgres-admin"),
                ("get", f"secret/{service}-database-owner"),
                ("create", "pods"),
            )
            for verb, what in asked:
                words = self.cluster.kubectl("auth", "can-i", verb, what, "--as", account + service)
                said = self.cluster.ask(words)
                if said.stdout.strip() != "no":
                    yield f"{service} may {verb} {what}: {(said.stdout or said.stderr).strip()[:200]}"

    # ------------------------------------------------------------------ network
    def default_deny(self):
        policies = self.cluster.items("networkpolicies")
        for direction in ("Ingress", "Egress"):
            rules = direction.lower()
            denies = [
                p for p in policies
                if not any(p["spec"].get("podSelector", {}).values())
                and direction in p["spec"].get("policyTypes", ["Ingress"]) and not p["spec"].get(rules)
            ]  # fmt: skip
            if not denies:
                yield f"no NetworkPolicy denies {rules} to all pods"

    def policies(self):
        policies = self.cluster.items("networkpolicies")
        for pod in self.pods:
            labels = pod["metadata"].get("labels", {})
            own = [p for p in policies if any(p["spec"].get("podSelector", {}).values()) and selects(p, labels)]
            if not own:
                yield f"{pod['metadata']['name']}: no policy of its own"

    def node_ports(self):
        for service in self.cluster.items("services"):
            if service["spec"].get("type") in ("NodePort", "LoadBalancer"):
                yield f"the Service {service['metadata']['name']} is a {service['spec']['type']}"

    # ------------------------------------------------------------------ sizes
    def quota(self):
        quotas = self.cluster.items("resourcequotas")
        if not quotas:
            yield "there is no ResourceQuota"
        for quota in quotas:
            if not quota.get("status", {}).get("used"):
                yield f"{quota['metadata']['name']}: nothing is counted yet"
        if not self.cluster.items("limitranges"):
            yield "there is no LimitRange"

    def autoscalers(self):
        there = {h["metadata"]["name"]: h for h in self.cluster.items("horizontalpodautoscalers")}
        if "backend" not in there:
            yield "backend: no HorizontalPodAutoscaler"
        for name, scaler in there.items():
            conditions = {c["type"]: c for c in scaler.get("status", {}).get("conditions", [])}
            active = conditions.get("ScalingActive", {})
            if active.get("status") != "True":
                yield f"{name}: {active.get('message', 'has not looked yet')}"

    def budgets(self):
        there = {b["metadata"]["name"]: b for b in self.cluster.items("poddisruptionbudgets")}
        for service in SERVICES:
            if service not in there and self.replicas(service) < 2:
                continue  # a budget for one pod protects nothing
            status = there.get(service, {}).get("status", {})
            if not status.get("expectedPods"):
                yield f"{service}: no PodDisruptionBudget that knows its pods"
            elif not status.get("disruptionsAllowed"):
                yield f"{service}: {status.get('currentHealthy')} of {status['expectedPods']} are healthy, none may go"

    def replicas(self, service: str) -> int:
        """As many as its workload asks for now, by itself or by its autoscaler."""
        workload = self.cluster.get(workload_kind(service), service) or {}
        return workload.get("spec", {}).get("replicas", 1)

    # ------------------------------------------------------------------ Dapr
    def mtls(self):
        system = self.cluster.get("configurations.dapr.io", "daprsystem", namespace=CONTROL_PLANE) or {}
        if not system.get("spec", {}).get("mtls", {}).get("enabled"):
            yield f"the Configuration daprsystem in {CONTROL_PLANE} does not enable it"
        for name, own in self.configurations().items():
            if own["spec"].get("mtls", {}).get("enabled") is False:
                yield f"the Configuration {name} disables it"

    def access(self):
        there = self.configurations()
        for service in SERVICES:
            control = there.get(service, {}).get("spec", {}).get("accessControl", {})
            if control.get("defaultAction") != "deny":
                yield f"{service}: its Configuration does not deny by default"
            scopes = there.get(service, {}).get("spec", {}).get("secrets", {}).get("scopes", [])
            if not scopes or any(scope.get("defaultAccess") != "deny" for scope in scopes):
                yield f"{service}: its sidecar hands out more secrets than its own"

    def configurations(self) -> dict[str, dict]:
        return {c["metadata"]["name"]: c for c in self.cluster.items("configurations.dapr.io")}


# ------------------------------------------------------------------ rules for a container
def containers(pod: dict) -> list[dict]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def setting(spec: dict, container: dict, key: str):
    own = container.get("securityContext", {})
    return own[key] if key in own else spec.get("securityContext", {}).get(key)


def not_root(spec: dict, container: dict) -> str:
    if setting(spec, container, "runAsUser") == 0:
        return "runAsUser is 0"
    return "" if setting(spec, container, "runAsNonRoot") else "runAsNonRoot is not set"


def read_only(_spec: dict, container: dict) -> str:
    is_so = container.get("securityContext", {}).get("readOnlyRootFilesystem")
    return "" if is_so else "readOnlyRootFilesystem is not set"


def no_capability(_spec: dict, container: dict) -> str:
    own = container.get("securityContext", {})
    if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
        return "it may gain privileges"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or capabilities.get("add"):
        return f"capabilities: {capabilities or 'the default ones'}"
    return ""


def seccomp(spec: dict, container: dict) -> str:
    profile = (setting(spec, container, "seccompProfile") or {}).get("type", "none")
    return "" if profile in ("RuntimeDefault", "Localhost") else f"its seccomp profile is {profile}"


def resources(_spec: dict, container: dict) -> str:
    own = container.get("resources", {})
    missing = [f"requests.{key}" for key in ("cpu", "memory") if key not in own.get("requests", {})]
    missing += [] if "memory" in own.get("limits", {}) else ["limits.memory"]
    return f"no {', '.join(missing)}" if missing else ""


def has_kube_token(volume: dict) -> bool:
    """A token for the API server; one for sentry alone (another audience) opens nothing there."""
    sources = volume.get("projected", {}).get("sources", [])
    tokens = [source["serviceAccountToken"] for source in sources if "serviceAccountToken" in source]
    return any("sentry" not in token.get("audience", "") for token in tokens)


def selects(policy: dict, labels: dict[str, str]) -> bool:
    selector = policy["spec"].get("podSelector", {})
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(expression_holds(e, labels) for e in selector.get("matchExpressions", []))


def expression_holds(expression: dict, labels: dict[str, str]) -> bool:
    value, wanted = labels.get(expression["key"]), expression.get("values", [])
    return {
        "In": value in wanted,
        "NotIn": value not in wanted,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[expression["operator"]]
