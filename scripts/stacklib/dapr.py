"""Sentry and the sidecars: what they read, their arguments and environment."""

import shlex
import shutil
import time

from . import StackError
from .layout import ROOT, Layout, find_dapr

CERTIFICATES_LAST_S = 180 * 86400  # sentry's own root lasts a year


class Dapr:
    def __init__(self, layout: Layout, broker: str, ports: dict[str, int], environment: dict[str, str]):
        """`environment` is what the components are told by envRef."""
        self.layout, self.broker, self.ports = layout, broker, ports
        self.environment = environment
        self.daprd, self.sentry = find_dapr()

    def lay_out(self, services: list[str]) -> None:
        """Copy what dapr/ says for this broker; the copies may be changed without the tree."""
        shutil.rmtree(self.layout.resources, ignore_errors=True)
        self.layout.resources.mkdir()
        source = ROOT / "dapr"
        files = [*source.glob("components/*.yaml"), *source.glob(f"components/{self.broker}/*.yaml")]
        files.append(source / "resiliency.yaml")
        for file in files:
            shutil.copyfile(file, self.layout.resources / file.name)
        shutil.copyfile(source / "config" / "sentry.yaml", self.layout.config / "sentry.yaml")
        for service in services:
            for kind, target in (("subscriptions", self.layout.resources), ("config", self.layout.config)):
                file = source / kind / f"{service}.yaml"
                if not file.exists():
                    raise StackError(f"{file} is missing")
                name = f"subscriptions-{service}.yaml" if kind == "subscriptions" else file.name
                shutil.copyfile(file, target / name)
        # names of an earlier run point at ports that may be taken by others now
        for file in self.layout.dir.glob("names.db*"):
            file.unlink()
        root = self.layout.certs / "ca.crt"
        if root.exists() and time.time() - root.stat().st_mtime > CERTIFICATES_LAST_S:
            for file in self.layout.certs.iterdir():
                file.unlink()

    def sentry_command(self) -> list[str]:
        return [
            self.sentry,
            *("--config", str(self.layout.config / "sentry.yaml")),
            *("--issuer-credentials", str(self.layout.certs), "--trust-domain", "todo"),
            *("--listen-address", "127.0.0.1", "--port", str(self.ports["sentry"])),
            *("--healthz-listen-address", "127.0.0.1"),
            *("--healthz-port", str(self.ports["sentry_health"])),
            *("--metrics-listen-address", "127.0.0.1"),
            *("--metrics-port", str(self.ports["sentry_metrics"])),
            *("--log-level", "warn"),
        ]

    def sidecar_command(self, service: str, instance: str) -> list[str]:
        """daprd, given the trust anchors that sentry made; a shell reads the file for it."""
        port = {key: str(self.ports[f"{instance}.{key}"]) for key in SIDECAR_PORTS + ("app",)}
        argv = [
            self.daprd,
            *("--app-id", service, "--app-port", port["app"], "--app-protocol", "http"),
            *("--app-channel-address", "127.0.0.1", "--dapr-listen-addresses", "127.0.0.1"),
            *("--dapr-http-port", port["dapr_http"], "--dapr-grpc-port", port["dapr_grpc"]),
            *("--dapr-internal-grpc-port", port["dapr_internal"]),
            *("--dapr-internal-grpc-listen-address", "127.0.0.1"),
            *("--metrics-port", port["dapr_metrics"], "--metrics-listen-address", "127.0.0.1"),
            # No app health check: when the app recovers while an event is on its way, daprd 1.18 may
            # subscribe a Kafka topic anew and then drop it, for good and without a word
            # (components-contrib, kafka/subscriber.go). The retries of dapr/resiliency.yaml outlast
            # an outage as well.
            *("--dapr-graceful-shutdown-seconds", "5"),
            *("--enable-mtls", "--sentry-address", f"127.0.0.1:{self.ports['sentry']}"),
            *("--control-plane-trust-domain", "todo", "--control-plane-namespace", "default"),
            *("--resources-path", str(self.layout.resources)),
            *("--config", str(self.layout.config / f"{service}.yaml"), "--log-level", "info"),
        ]
        read = 'DAPR_TRUST_ANCHORS="$(cat certs/ca.crt)"; export DAPR_TRUST_ANCHORS'
        return ["/bin/sh", "-c", f"{read}; exec {shlex.join(argv)}"]

    def sidecar_environment(self, instance: str, tokens: dict) -> dict[str, str]:
        return {
            **self.environment,
            "APP_API_TOKEN": tokens["app"],
            "DAPR_API_TOKEN": tokens["dapr"],
            "DAPR_HOST_IP": "127.0.0.1",
            "NAMESPACE": "default",
            "POD_NAME": replica_name(instance),
        }


SIDECAR_PORTS = ("dapr_http", "dapr_grpc", "dapr_internal", "dapr_metrics")
SENTRY_PORTS = ("sentry", "sentry_health", "sentry_metrics")


def replica_name(instance: str) -> str:
    """As a StatefulSet would name it: the first is websocket-0."""
    return instance if instance[-1].isdigit() else f"{instance}-0"


def reload_secret_store(layout: Layout) -> None:
    """Make the sidecars read secrets.json again: they load a component when its text changes."""
    file = layout.resources / "secrets.yaml"
    lines = file.read_text().splitlines(keepends=True)
    for at, line in enumerate(lines):
        if "name: revision" in line:
            lines[at + 1] = f'      value: "{time.time_ns()}"\n'
    new = file.with_name(".secrets.yaml.new")
    new.write_text("".join(lines))
    new.replace(file)
