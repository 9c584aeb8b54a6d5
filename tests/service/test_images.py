"""Container images: scripts/images and scripts/image-archive, tried on archives made here.

No image is built: that takes minutes and Debian's archive. `make images` builds and checks the real
ones, and `make e2e-k8s` runs them in a cluster.
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
from typing import Any

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/main.c"))
BACKING = ["postgres", "redis", "kafka", "mail", "smoke"]
BUILT = 1_780_000_000
STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u14
Maintainer: GNU Libc Maintainers <debian-glibc@lists.debian.org>
Description: GNU C Library
"""
STATIC = """Package: libpq
Status: install ok installed
Architecture: amd64
Source: postgresql-15
Version: 15.20-0+deb12u1
Maintainer: todo-app
Description: built from Debian's source, linked statically
"""
FILES: dict[str, tuple[str, int]] = {
    "usr/bin/audit": ("\x7fELF", 0o755),
    "usr/lib/x86_64-linux-gnu/libc.so.6": ("\x7fELF", 0o755),
    "usr/share/zoneinfo/Europe/Berlin": ("TZif", 0o644),
    "etc/ssl/certs/ca-certificates.crt": ("-----BEGIN", 0o644),
    "var/lib/dpkg/status.d/libc6": (STATUS, 0o644),
    "var/lib/dpkg/status.d/libpq": (STATIC, 0o644),
}
LABELS = {
    f"org.opencontainers.image.{name}": value
    for name, value in {
        "title": "todo-app audit",
        "description": "The history",
        "version": "1.2",
        "revision": "c0ffee",
        "licenses": "Apache-2.0",
        "vendor": "todo-app",
    }.items()
}


def add(tar: tarfile.TarFile, name: str, data: bytes, **fields: Any) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = len(data), BUILT
    for field, value in fields.items():
        setattr(entry, field, value)
    tar.addfile(entry, io.BytesIO(data))


def layer(files: dict[str, tuple[str, int]], **fields: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in sorted({str(parent) for name in files for parent in pathlib.PurePath(name).parents} - {"."}):
            add(tar, folder, b"", mode=0o755, type=tarfile.DIRTYPE)
        for name, (text, mode) in files.items():
            add(tar, name, text.encode(), mode=mode, **fields)
    return out.getvalue()


def archive(path: pathlib.Path, *layers: bytes, **config: Any) -> pathlib.Path:
    """An image of a service as `docker save` writes it, good unless a layer or `config` spoils it."""
    settings = {
        "created": "2026-05-28T20:26:40Z",
        "config": {"User": "65532:65532", "Entrypoint": ["/usr/bin/audit"], "Labels": LABELS} | config,
    }
    with tarfile.open(path, "w") as tar:
        names = [f"{at}.tar" for at in range(len(layers) + 1)]
        manifest = {"Config": "config.json", "RepoTags": ["todo-app/audit:1.2"], "Layers": names}
        add(tar, "manifest.json", json.dumps([manifest]).encode())
        add(tar, "config.json", json.dumps(settings).encode())
        for name, data in zip(names, [layer(FILES), *layers], strict=True):
            add(tar, name, data)
    return path


def tool(name: str, *arguments: Any, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / name, *map(str, arguments)],
        env={**os.environ, "IMAGE_TAG": "1.2", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def check(path: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tool("image-archive", "check", path, "--service", "audit", *arguments)


def fake(folder: pathlib.Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


# ---------------------------------------------------------------------- what stands in the tree
def test_each_service_has_a_target_and_its_own_program() -> None:
    text = (ROOT / "Containerfile").read_text()
    for service in SERVICES:
        stage = text.split(f"FROM service AS {service}\n")[1].split("\nFROM ")[0]
        assert f"COPY --from=build /out/{service}/ /\n" in stage
        assert f'ENTRYPOINT ["/usr/bin/{service}"]' in stage
    assert "USER 65532:65532" in text


@pytest.mark.parametrize("name", BACKING)
def test_what_a_cluster_may_lack_runs_as_a_number(name: str) -> None:
    text = (ROOT / "images" / name / "Containerfile").read_text()
    assert "\nUSER 65532:65532\n" in text
    assert re.search(r'^ENTRYPOINT \["', text, re.M)


# ---------------------------------------------------------------------- scripts/images
def test_help_names_every_command_and_setting() -> None:
    said = tool("images", "--help").stdout
    for word in ("build", "save", "sbom", "check", "load", "base", "list", "--dry-run", "IMAGE_LOAD", "IMAGE_TAG"):
        assert word in said


def test_all_images_are_listed() -> None:
    said = tool("images", "list", IMAGE_PREFIX="ghcr.io/someone/todo").stdout.split()
    assert said == [f"ghcr.io/someone/todo/{name}:1.2" for name in [*SERVICES, *BACKING]]


@pytest.mark.parametrize("command", ["build", "save", "sbom", "check", "load"])
def test_dry_run_does_nothing(command: str, tmp_path: pathlib.Path) -> None:
    for name in ("docker", "podman", "buildah"):
        fake(tmp_path / "bin", name, f'[ "$1" = info ] || echo "$0 $*" >>{tmp_path}/calls')
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = tool("images", command, "--dry-run", "backend", "redis", PATH=path, BUILD=str(tmp_path), IMAGE_LOAD="loader")
    assert done.returncode == 0, done.stderr
    assert "backend" in done.stdout and "redis" in done.stdout
    called = (tmp_path / "calls").read_text() if (tmp_path / "calls").exists() else ""
    assert all(re.search(r" (image )?inspect ", line) for line in called.splitlines()), called
    assert not (tmp_path / "images" / "backend.tar").exists()


def test_a_docker_client_without_its_daemon_is_passed_over(tmp_path: pathlib.Path) -> None:
    fake(tmp_path / "bin", "docker", "exit 1")
    fake(tmp_path / "bin", "podman", "exit 125")
    fake(tmp_path / "bin", "buildah", "exit 0")
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    assert "Building with buildah: audit" in tool("images", "build", "--dry-run", "audit", PATH=path).stdout
    done = tool("images", "build", "--tool", "docker", "audit", PATH=path)
    assert done.returncode == 1
    assert "docker is not there or does not work" in done.stderr


def test_load_calls_the_command_with_name_and_archive(tmp_path: pathlib.Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "audit.tar").touch()
    fake(tmp_path, "loader", f'echo "$@" >{tmp_path}/loaded')
    done = tool("images", "load", "audit", BUILD=str(tmp_path), IMAGE_LOAD=f"{tmp_path}/loader")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "loaded").read_text() == f"todo-app/audit:1.2 {tmp_path}/images/audit.tar\n"


@pytest.mark.parametrize(
    ("prefix", "wanted"),
    [
        ("todo-app", "docker.io/todo-app/audit:1.2"),
        ("someone/todo", "docker.io/someone/todo/audit:1.2"),
        ("ghcr.io/someone/todo", "ghcr.io/someone/todo/audit:1.2"),
        ("localhost:5000/todo", "localhost:5000/todo/audit:1.2"),
    ],
)
def test_podman_saves_under_the_name_that_pods_ask_for(prefix: str, wanted: str, tmp_path: pathlib.Path) -> None:
    """A stand-in for podman, which would save todo-app/audit as localhost/todo-app/audit."""
    lines = f'echo "$@" >>{tmp_path}/calls\n[ "$2" = inspect ] && echo sha256:1\n[ "$1" != save ] || touch "$6"'
    fake(tmp_path / "bin", "podman", lines)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = tool("images", "save", "--tool", "podman", "audit", PATH=path, BUILD=str(tmp_path), IMAGE_PREFIX=prefix)
    assert done.returncode == 0, done.stdout + done.stderr
    tag, save = (tmp_path / "calls").read_text().splitlines()[-2:]
    assert tag == f"tag {prefix}/audit:1.2 {wanted}"
    assert save == f"save --quiet --format docker-archive --output {tmp_path}/images/audit.tar {wanted}"


@pytest.mark.parametrize(
    ("context", "provider", "user", "command"),
    [
        ("kind-todo", "", 1000, "'kind' 'load' 'image-archive' 'ARCHIVE' '--name' 'todo'"),
        ("todo", "minikube.sigs.k8s.io", 1000, "'minikube' '--profile' 'todo' 'image' 'load' 'ARCHIVE'"),
        ("default", "", 1000, "'sudo' 'k3s' 'ctr' 'images' 'import' 'ARCHIVE'"),
        ("default", "", 0, "'k3s' 'ctr' 'images' 'import' 'ARCHIVE'"),
    ],
)
def test_load_knows_the_small_clusters(
    context: str, provider: str, user: int, command: str, tmp_path: pathlib.Path
) -> None:
    """With a kubectl that names the context: neither kind, minikube nor k3s is here."""
    fake(tmp_path / "bin", "id", f"echo {user}")
    fake(tmp_path / "bin", "kubectl", f'[ "$2" = view ] && echo "  provider: {provider}" || echo {context}')
    fake(tmp_path / "bin", "k3s", "")
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    done = tool("images", "load", "--dry-run", "audit", PATH=path, BUILD=str(tmp_path), IMAGE_LOAD="", REGISTRY="")
    assert done.stdout.splitlines()[0].strip() == command.replace("ARCHIVE", f"{tmp_path}/images/audit.tar")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["build", "mongo"], "no image is called mongo"),
        (["bild"], "unknown command bild"),
        (["build", "--dryrun"], "unknown option --dryrun"),
        (["check", "audit"], "type: scripts/images save audit"),
    ],
)
def test_a_mistake_is_named(arguments: list[str], says: str, tmp_path: pathlib.Path) -> None:
    done = tool("images", *arguments, BUILD=str(tmp_path))
    assert done.returncode == 1
    assert says in done.stderr


# ---------------------------------------------------------------------- scripts/image-archive
def test_a_good_image_passes(tmp_path: pathlib.Path) -> None:
    done = check(archive(tmp_path / "a.tar"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 wrong" in done.stdout


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"User": ""}, "not numbers of a user and a group"),
        ({"User": "0:0"}, "not numbers of a user and a group"),
        ({"User": "nobody"}, "not numbers of a user and a group"),
        ({"Entrypoint": ["/usr/bin/backend"]}, "is no program of the image"),
        ({"Entrypoint": None}, "no entry point"),
        ({"Labels": {}}, "label org.opencontainers.image.title is missing"),
    ],
)
def test_wrong_settings_are_named(config: dict[str, Any], says: str, tmp_path: pathlib.Path) -> None:
    done = check(archive(tmp_path / "a.tar", **config))
    assert done.returncode == 1
    assert says in done.stdout


@pytest.mark.parametrize(
    ("path", "text", "fields", "says"),
    [
        ("bin/sh", "", {}, "/bin/sh is there"),
        ("usr/bin/env", "", {}, "/usr/bin/env is a program beside the service"),
        ("usr/lib/x.so", "", {"mode": 0o4755}, "runs with its owner's rights"),
        ("etc/hosts", "", {"mode": 0o666}, "can be written by others"),
        ("etc/hosts", "", {"mode": 0o644, "uid": 7}, "belongs to 7"),
        ("etc/hosts", "", {"mode": 0o644, "mtime": BUILT + 1}, "bears the time of its build"),
        ("var/lib/dpkg/status.d/x", STATUS.replace("libc6", "libx"), {"mode": 0o644}, "license of libx"),
        ("etc/large", "x" * 1_100_000, {"mode": 0o644}, "MiB unpacked; at most 1"),
    ],
)
def test_wrong_files_are_named(
    path: str, text: str, fields: dict[str, Any], says: str, tmp_path: pathlib.Path
) -> None:
    mode = fields.pop("mode", 0o755)
    done = check(archive(tmp_path / "a.tar", layer({path: (text, mode)}, **fields)), "--max-mib", "1")
    fields["mode"] = mode
    assert done.returncode == 1
    assert says in done.stdout


def test_what_a_later_layer_takes_away_is_gone(tmp_path: pathlib.Path) -> None:
    shell = layer({"bin/sh": ("", 0o755), "opt/x/dash": ("", 0o755)})
    assert check(archive(tmp_path / "with.tar", shell)).returncode == 1
    away = layer({"bin/.wh.sh": ("", 0o644), "opt/x/.wh..wh..opq": ("", 0o644)})
    assert check(archive(tmp_path / "without.tar", shell, away)).returncode == 0


def test_the_sbom_is_valid_and_says_what_is_linked(tmp_path: pathlib.Path) -> None:
    out = tmp_path / "audit.spdx.json"
    done = tool("image-archive", "sbom", archive(tmp_path / "a.tar"), out)
    assert done.returncode == 0, done.stderr
    assert validate_full_spdx_document(parse_file(str(out))) == []
    document = json.loads(out.read_text())
    packages = {package["name"]: package for package in document["packages"]}
    assert packages["libc6"]["versionInfo"] == "2.36-9+deb12u14"
    assert packages["libc6"]["licenseDeclared"] == "LGPL-2.1-or-later"
    purl = packages["libc6"]["externalRefs"][0]["referenceLocator"]
    assert purl == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&upstream=glibc"
    linked = [r for r in document["relationships"] if r["relationshipType"] == "STATIC_LINK"]
    assert [r["relatedSpdxElement"] for r in linked] == [packages["libpq"]["SPDXID"]]


def test_variants_of_every_service(tmp_path: pathlib.Path) -> None:
    done = tool("image-variants", "--dry-run", "try", BUILD=str(tmp_path))
    assert done.returncode == 0, done.stderr
    for service in SERVICES:
        for name in ("second", "bad", "broken"):
            assert f"'todo-app/{service}:try-{name}'" in done.stdout
    assert list(tmp_path.iterdir()) == []
    missing = tool("image-variants", "no-such-stem", BUILD=str(tmp_path))
    assert missing.returncode == 1 and "type: " in missing.stderr


def test_the_sbom_names_java_and_node_modules(tmp_path: pathlib.Path) -> None:
    module = json.dumps({"name": "@a/b", "version": "1.0.0", "license": "MIT"})
    more = layer(
        {
            "opt/kafka/kafka_2.13-4.1.0.jar": ("PK", 0o644),
            "opt/maildev/node_modules/@a/b/package.json": (module, 0o644),
        }
    )
    out = tmp_path / "x.spdx.json"
    tool("image-archive", "sbom", archive(tmp_path / "a.tar", more), out)
    assert validate_full_spdx_document(parse_file(str(out))) == []
    packages = {package["name"]: package for package in json.loads(out.read_text())["packages"]}
    assert packages["kafka_2.13"]["versionInfo"] == "4.1.0"
    assert packages["@a/b"]["licenseDeclared"] == "MIT"


def test_the_same_image_has_the_same_sbom(tmp_path: pathlib.Path) -> None:
    texts = []
    for name in ("a", "b"):
        tool("image-archive", "sbom", archive(tmp_path / f"{name}.tar"), tmp_path / f"{name}.json")
        texts.append((tmp_path / f"{name}.json").read_text())
    assert texts[0] == texts[1]


def test_a_file_that_is_no_image_is_said(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x").write_text("no archive")
    done = check(tmp_path / "x")
    assert done.returncode == 1
    assert "is no archive of an image" in done.stderr
