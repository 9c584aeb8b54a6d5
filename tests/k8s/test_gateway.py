"""The way in by the Gateway API instead of an Ingress."""

import pytest

from release import FIRST, steps_of

GATEWAY = ("ingress.enabled=false", "httpRoute.enabled=true", "httpRoute.gateway.create=true")


def test_a_gateway_leads_in(release, tell):
    if release.kubectl("get", "gatewayclass", "traefik", check=False).code:
        pytest.skip("this cluster has no GatewayClass traefik")
    try:
        sets = [word for one in GATEWAY for word in ("--set", one)]
        n_steps = steps_of(release.deploy(FIRST, *sets).text)
        assert not release.json("ingress")["items"]
        tell(f"all {n_steps} steps of a user's way over an HTTPRoute")
    finally:
        release.deploy(FIRST, "--no-smoke")
