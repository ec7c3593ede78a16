"""What lies in deploy/: each example is read by whoever is to read it, and they agree with one another and with the node."""

from __future__ import annotations

import fnmatch
import re
import shutil
import stat
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

import pki
from places import knows
from subjects import Subject
from subjects.causeway import REPOSITORY, binary

DEPLOY = REPOSITORY / "deploy"
USER = 10001
DATA, SETTINGS = "/var/lib/causeway", "/etc/causeway/causeway.toml"
DIMSE_PORT, WEB_PORT = 11112, 8080
#: The doors', then the deliveries': the defaults of deploy/causeway.toml.
DRAIN_SECONDS = 20 + 20
#: 10 is what an ordinary service gets, 0 one that can do nothing; in tenths.
EXPOSURE_MAX = 15

pytestmark = pytest.mark.only("causeway")


def documents() -> list[dict[str, Any]]:
    """What kubernetes.yaml makes."""
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()))


def one(kind: str, name: str = "causeway") -> dict[str, Any]:
    """One of them."""
    (found,) = [it for it in documents() if (it["kind"], it["metadata"]["name"]) == (kind, name)]
    return found


def compose() -> dict[str, Any]:
    """compose.yaml."""
    return yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())


def uncommented(text: str) -> str:
    """Settings with the keys and tables that stand there commented out."""
    return re.sub(r"(?m)^#(?=\[|\w+ = )", "", text)


def alternative(scheme: str) -> str:
    """The least settings, and what deploy/causeway.toml has commented out of a kind of store or catalog: from the URL on,
    to the next paragraph."""
    text = (DEPLOY / "causeway.toml").read_text()
    (paragraph,) = [it for it in text.split("\n\n") if re.search(rf'(?m)^#url = "{scheme}://', it)]
    table = "catalog" if scheme == "postgres" else "store"
    node = f'[node]\nae_title = "CAUSEWAY"\ndata = "{DATA}"\n[dimse]\nlisten = "0.0.0.0:{DIMSE_PORT}"\n'
    return f'{node}[web]\nlisten = "127.0.0.1:{WEB_PORT}"\n[{table}]\n{uncommented(paragraph)}'


EXAMPLES = {
    "causeway.toml": lambda: (DEPLOY / "causeway.toml").read_text(),
    "causeway.toml, s3": lambda: alternative("s3"),
    "causeway.toml, gs": lambda: alternative("gs"),
    "causeway.toml, az": lambda: alternative("az"),
    "causeway.toml, postgres": lambda: alternative("postgres"),
    "debian": lambda: (DEPLOY / "debian" / "causeway.toml").read_text(),
    "debian, all": lambda: uncommented((DEPLOY / "debian" / "causeway.toml").read_text()),
    "compose": lambda: (DEPLOY / "compose" / "causeway.toml").read_text(),
    "kubernetes": lambda: one("ConfigMap")["data"]["causeway.toml"],
}


def checked(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What the node says of settings; the files with secrets that they name are there."""
    secrets = folder / "secrets"
    secrets.mkdir(exist_ok=True)
    authority = pki.Authority(folder).certificate.read_text()
    for path in secret_files(text):
        (secrets / Path(path).name).write_text(authority if path.endswith(".pem") else "something\n")
        text = text.replace(f'"{path}"', f'"{secrets / Path(path).name}"')
    file = folder / "causeway.toml"
    file.write_text(text)
    command = [str(binary()), "serve", "--config", str(file), "--check"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def secret_files(text: str) -> list[str]:
    """The files with secrets that settings name."""
    settings = tomllib.loads(text)
    tables = [settings.get("store", {}), settings.get("catalog", {})]
    return [
        value for table in tables for key, value in table.items() if key.endswith("_file") or key == "service_account"
    ]


@pytest.fixture(params=EXAMPLES)
def example(request: pytest.FixtureRequest) -> str:
    """The settings of an example, if the node knows such stores and catalogs."""
    text = EXAMPLES[request.param]()
    settings = tomllib.loads(text)
    urls = settings.get("store", {}).get("url", "file:"), settings.get("catalog", {}).get("url", "sqlite:")
    if lacking := [url for url in urls if not knows(url.partition(":")[0])]:
        pytest.skip(f"this node does not know {', '.join(lacking)}")
    return text


def test_the_node_takes_the_settings(example: str, folder: Path) -> None:
    done = checked(example, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sound" in done.stdout


def test_a_key_that_is_not_known_is_found(example: str, folder: Path) -> None:
    """The test above can fail."""
    done = checked(example.replace("ae_title", "ae_titel"), folder)
    assert done.returncode != 0 and "ae_titel" in done.stderr


@pytest.mark.parametrize("name", EXAMPLES)
def test_ports_and_places_are_the_same_everywhere(name: str) -> None:
    settings = tomllib.loads(EXAMPLES[name]())
    assert settings["node"]["data"] == DATA
    assert settings["dimse"]["listen"].endswith(f":{DIMSE_PORT}")
    assert settings["web"]["listen"].endswith(f":{WEB_PORT}")


# The image.

def instructions(file: str = "Dockerfile") -> list[tuple[str, str]]:
    """Its instructions and what follows each, the lines of one joined."""
    lines = [line for line in (DEPLOY / file).read_text().splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def test_the_image_is_built_of_what_is_there() -> None:
    steps = instructions()
    toolchain = tomllib.loads((REPOSITORY / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    froms = [rest for word, rest in steps if word == "FROM"]
    assert froms[0] == f"rust:{toolchain}-bookworm AS build"
    assert ("ENV", f"RUSTUP_TOOLCHAIN={toolchain}") in steps
    # One Debian for both, so that the C library is one.
    assert froms[1] == "gcr.io/distroless/cc-debian12"
    patterns = [line for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split("\n") if line and line[0] != "#"]
    assert patterns[0] == "*"
    sources = [rest.split()[:-1] for word, rest in steps if word == "COPY" and "--from" not in rest]
    for source in [source for of_one in sources for source in of_one]:
        assert (REPOSITORY / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern.removeprefix("!")) for pattern in patterns[1:]), f"{source} is not sent"


def test_the_image_runs_as_a_user_without_rights() -> None:
    steps = instructions()
    last = steps[max(at for at, (word, _) in enumerate(steps) if word == "FROM"):]
    words = dict(last)
    assert words["USER"] == f"{USER}:{USER}"
    assert words["VOLUME"] == words["WORKDIR"] == DATA
    assert words["EXPOSE"].split() == [str(DIMSE_PORT), str(WEB_PORT)]
    assert f"CAUSEWAY_NODE__DATA={DATA}" in words["ENV"] and f"CAUSEWAY_WEB__LISTEN=0.0.0.0:{WEB_PORT}" in words["ENV"]
    assert any(f"--chown={USER}:{USER}" in rest and rest.endswith(DATA) for word, rest in last if word == "COPY")
    # Nothing is run in it when it is built: it has no shell.
    assert "RUN" not in words


def test_health_is_asked_by_the_node_itself(subject: Subject) -> None:
    """The image and the compose file have nothing else to ask with."""
    from_image = dict(instructions())["HEALTHCHECK"]
    assert from_image.endswith('CMD ["/usr/local/bin/causeway", "health"]')
    assert compose()["services"]["node"]["healthcheck"]["test"] == ["CMD", "/usr/local/bin/causeway", "health"]
    assert subject.run("health").startswith("ready")  # type: ignore[attr-defined]
    done = subprocess.run([str(binary()), "health", "--url", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no answer" in done.stderr


# Compose.

def test_each_container_is_hardened_and_watched() -> None:
    for name, service in compose()["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged") and not service.get("cap_add") or name == "database", name
        assert "test" in service["healthcheck"] or service["restart"] == "no", name
        # Pinned, but for ours, which is built.
        assert re.search(r":\d", service["image"]) or "build" in service, name
    assert compose()["services"]["node"]["user"] == f"{USER}:{USER}"
    assert (DEPLOY / "compose" / compose()["services"]["node"]["build"]["context"] / "deploy/Dockerfile").exists()


def test_what_containers_need_of_one_another_is_there() -> None:
    file = compose()
    services, node = file["services"], file["services"]["node"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        assert set(service.get("networks", [])) <= set(file["networks"]), name
        assert set(service.get("secrets", [])) <= set(file["secrets"]), name
        named = {volume.partition(":")[0] for volume in service.get("volumes", []) if volume[0] != "."}
        assert named <= set(file["volumes"]), name
    assert file["networks"]["inside"]["internal"] is True
    assert "outside" in node["networks"] and all("outside" not in it["networks"] for it in services.values() if it is not node)
    assert f"spool:{DATA}" in node["volumes"] and f"./causeway.toml:{SETTINGS}:ro" in node["volumes"]
    assert node["command"] == ["serve", "--config", SETTINGS]
    assert node["ports"] == [f"{DIMSE_PORT}:{DIMSE_PORT}", f"127.0.0.1:{WEB_PORT}:{WEB_PORT}"]
    assert int(node["stop_grace_period"].removesuffix("s")) > DRAIN_SECONDS


def test_the_settings_lead_to_the_other_containers() -> None:
    services, text = compose()["services"], (DEPLOY / "compose" / "causeway.toml").read_text()
    settings, node = tomllib.loads(text), services["node"]
    assert {Path(path) for path in secret_files(text)} == {Path("/run/secrets") / name for name in node["secrets"]}
    host, port = settings["store"]["endpoint"].removeprefix("http://").split(":")
    assert services[host]["environment"]["RUSTFS_ADDRESS"] == f"0.0.0.0:{port}"
    assert f"http://{host}:{port}/{settings['store']['url'].removeprefix('s3://')}" in services["bucket"]["command"][0]
    user, host, port, database = re.fullmatch(r"postgres://(\w+)@(\w+):(\d+)/(\w+)\?sslmode=disable", settings["catalog"]["url"]).groups()
    asked = services[host]["environment"]
    assert (user, database, port) == (asked["POSTGRES_USER"], asked["POSTGRES_DB"], "5432")
    assert asked["POSTGRES_PASSWORD_FILE"] == settings["catalog"]["password_file"]


def test_secrets_are_files_that_are_made_once(folder: Path) -> None:
    """None stands in the files of the repository, and none is the same twice."""
    made = folder / "compose"
    shutil.copytree(DEPLOY / "compose", made)
    subprocess.run(["./make-secrets"], cwd=made, check=True, capture_output=True, timeout=60)
    named = {name: it["file"] for name, it in compose()["secrets"].items()}
    assert {f"./secrets/{path.name}" for path in (made / "secrets").iterdir()} == set(named.values())
    assert stat.S_IMODE((made / "secrets").stat().st_mode) == 0o700
    contents = {path: path.read_text() for path in (made / "secrets").iterdir()}
    assert len(set(contents.values())) == len(contents)
    assert all(len(text) >= 32 and text.strip() == text for text in contents.values())
    subprocess.run(["./make-secrets"], cwd=made, check=True, capture_output=True, timeout=60)
    assert {path: path.read_text() for path in (made / "secrets").iterdir()} == contents
    assert "/secrets/" in (DEPLOY / "compose" / ".gitignore").read_text()
    assert not (DEPLOY / "compose" / "secrets").exists() or "secrets" in subprocess.run(
        ["git", "check-ignore", "deploy/compose/secrets"], cwd=REPOSITORY, capture_output=True, text=True,
    ).stdout


# Kubernetes.

def pods() -> list[dict[str, Any]]:
    """What runs there."""
    return [it["spec"]["template"] for it in documents() if "template" in it.get("spec", {})]


def test_each_pod_is_hardened() -> None:
    for pod in pods():
        spec = pod["spec"]
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert {context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {USER}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert container["args"][container["args"].index("--config") + 1] == SETTINGS


def test_what_pods_name_is_there() -> None:
    stateful = one("StatefulSet")["spec"]
    header = (DEPLOY / "kubernetes.yaml").read_text().split("apiVersion")[0]
    given = set(re.findall(r"--from-file=(\w+)", header))
    named = {Path(path) for path in secret_files(one("ConfigMap")["data"]["causeway.toml"])}
    assert named == {Path("/run/secrets/causeway") / name for name in given}
    for pod in pods():
        volumes = {it["name"]: it for it in pod["spec"]["volumes"]}
        claims = {it["metadata"]["name"] for it in stateful["volumeClaimTemplates"]}
        assert volumes["settings"]["configMap"]["name"] == one("ConfigMap")["metadata"]["name"]
        assert f"generic {volumes['secrets']['secret']['secretName']} " in header
        for container in pod["spec"]["containers"]:
            mounts = {it["mountPath"]: it["name"] for it in container["volumeMounts"]}
            assert set(mounts.values()) <= set(volumes) | claims
            assert set(mounts) == {DATA, str(Path(SETTINGS).parent), "/run/secrets/causeway"}
    # Each node's own, and it comes back with the node.
    assert [it["spec"]["accessModes"] for it in stateful["volumeClaimTemplates"]] == [["ReadWriteOncePod"]]
    assert stateful["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert len({container["image"] for pod in pods() for container in pod["spec"]["containers"]}) == 1


def test_services_lead_to_the_pods() -> None:
    stateful = one("StatefulSet")["spec"]
    (container,) = stateful["template"]["spec"]["containers"]
    ports = {it["name"]: it["containerPort"] for it in container["ports"]}
    assert ports == {"dimse": DIMSE_PORT, "web": WEB_PORT}
    labels = stateful["template"]["metadata"]["labels"]
    assert stateful["selector"]["matchLabels"] == labels
    services = [it for it in documents() if it["kind"] == "Service"]
    assert stateful["serviceName"] in {it["metadata"]["name"] for it in services}
    for service in services:
        assert service["spec"]["selector"] == labels
        assert {it["targetPort"] for it in service["spec"]["ports"]} <= set(ports)
    headless = one("Service", stateful["serviceName"])["spec"]
    assert headless["clusterIP"] == "None" and headless["publishNotReadyAddresses"] is True
    named = {it["name"]: it for it in container["env"]}
    assert named["CAUSEWAY_NODE__ADDRESS"]["value"] == f"http://$(CAUSEWAY_NODE__NAME).{stateful['serviceName']}:{WEB_PORT}"
    assert list(named) == ["CAUSEWAY_NODE__NAME", "CAUSEWAY_NODE__ADDRESS"], "a variable is known to those after it"
    budget = one("PodDisruptionBudget")["spec"]
    assert budget["selector"]["matchLabels"] == labels and budget["maxUnavailable"] == 1
    # The job's pod is no node.
    (job,) = [it for it in documents() if it["kind"] == "Job"]
    assert job["spec"]["template"]["metadata"]["labels"] != labels


def test_probes_ask_what_the_node_answers(subject: Subject) -> None:
    spec = one("StatefulSet")["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: it["path"] for kind, it in asked.items()} == {
        "startup": "/health/ready", "liveness": "/health/live", "readiness": "/health/ready",
    }
    for probe in asked.values():
        assert requests.get(subject.url + probe["path"], timeout=10).status_code == 200
        assert probe["port"] == "web"
    pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    readiness = container["readinessProbe"]
    assert pause > readiness["periodSeconds"] * readiness["failureThreshold"], "the doors shut before all know"
    assert spec["terminationGracePeriodSeconds"] > pause + DRAIN_SECONDS


# systemd and Debian.

def unit() -> dict[str, list[str]]:
    """The unit's keys, each with all that is given."""
    keys: dict[str, list[str]] = {}
    for line in (DEPLOY / "causeway.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            keys.setdefault(key, []).append(value)
    return keys


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_reads_the_unit_and_finds_little_exposed(folder: Path) -> None:
    text = (DEPLOY / "causeway.service").read_text()
    there = folder / "causeway.service"
    there.write_text(re.sub(r"(?m)^(Exec\w+=)causeway ", rf"\g<1>{binary()} ", text))
    for command in (
        ["systemd-analyze", "verify", "--man=no", str(there)],
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", str(there)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout[-500:] + done.stderr
        assert not [line for line in done.stderr.splitlines() if "causeway.service" in line], done.stderr


def test_the_unit_runs_the_node_as_its_user_in_its_place() -> None:
    keys = unit()
    assert keys["ExecStart"] == [f"causeway serve --config {SETTINGS}"]
    assert keys["ExecStartPre"] == [f"causeway serve --config {SETTINGS} --check"]
    assert keys["User"] == keys["Group"] == ["causeway"]
    assert f"/var/lib/{keys['StateDirectory'][0]}" == keys["WorkingDirectory"][0] == DATA
    assert int(keys["TimeoutStopSec"][0]) > DRAIN_SECONDS


def test_the_package_holds_what_its_scripts_and_the_unit_name() -> None:
    here = REPOSITORY / "crates" / "node"
    package = tomllib.loads((here / "Cargo.toml").read_text())["package"]["metadata"]["deb"]
    targets = {}
    for source, target, mode in package["assets"]:
        assert source.startswith("target/release/") or (here / source).is_file(), source
        targets[target + Path(source).name if target.endswith("/") else target] = mode
    assert package["conf-files"] == [SETTINGS] and targets[SETTINGS[1:]] == "640"
    assert targets["usr/bin/causeway"] == "755" and "usr/share/man/man1/causeway.1" in targets
    units = package["systemd-units"]
    assert (here / units["unit-scripts"] / f"{units['unit-name']}.service").is_file()
    scripts = here / package["maintainer-scripts"]
    for name in ("postinst", "postrm"):
        subprocess.run(["sh", "-n", str(scripts / name)], check=True, timeout=60)
        assert "\n#DEBHELPER#\n" in (scripts / name).read_text(), "without it systemd is not told"
    assert f"--home {DATA} " in (scripts / "postinst").read_text()
    assert SETTINGS in (scripts / "postinst").read_text()


# HAProxy.

@pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed")
def test_haproxy_reads_its_configuration() -> None:
    done = subprocess.run(["haproxy", "-c", "-f", str(DEPLOY / "haproxy.cfg")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stderr, done.stderr


def test_both_doors_of_a_node_are_checked_at_its_web_door(subject: Subject) -> None:
    text = (DEPLOY / "haproxy.cfg").read_text()
    paths = re.findall(r"http-check send meth GET uri (\S+)", text)
    assert paths == ["/health/ready"] * 2
    assert requests.get(subject.url + paths[0], timeout=10).status_code == 200
    assert f"default-server port {WEB_PORT} check" in text
    servers = re.findall(r"(?m)^    server (\S+) (\S+):(\d+)$", text)
    by_port = {port: [(name, host) for name, host, of in servers if of == port] for _, _, port in servers}
    assert set(by_port) == {str(DIMSE_PORT), str(WEB_PORT)}
    assert len(set(map(tuple, by_port.values()))) == 1, "two backends, two lists of nodes"
    assert not any(host.startswith("127.") or host == "localhost" for _, host, _ in servers)
