"""The manifests of deploy/kubernetes/, held against the schemas of Kubernetes and each other. They are not run."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cds_service.setting_sources import IN_FILE
from tests.support.server import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
VERSIONS = ("1.31", "1.34", "1.37")
"""Of Kubernetes."""


def manifests(kind: str = "") -> list[dict[str, Any]]:
    """Every object, or those of one kind."""
    found = [one for path in FILES for one in yaml.safe_load_all(path.read_text("utf-8"))]
    return [one for one in found if kind in ("", one["kind"])]


def pods() -> list[dict[str, Any]]:
    """The templates of pods: that of the service and that of the nightly job."""
    (deployment,), (job,) = manifests("Deployment"), manifests("CronJob")
    return [deployment["spec"]["template"], job["spec"]["jobTemplate"]["spec"]["template"]]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", manifests(), ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_kubernetes_knows_every_field(manifest: dict[str, Any], version: str) -> None:
    """Each object is valid, and has no field that this version of Kubernetes does not know."""
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelled_field_would_be_found() -> None:
    """The schemas refuse what they do not know: `memroy` is no limit."""
    (deployment,) = manifests("Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["livenes"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[-1], strict=True)


def test_what_is_listed_is_what_is_there() -> None:
    """The kustomization applies every manifest of the folder."""
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == [path.name for path in FILES]


def test_no_pod_may_do_what_it_need_not() -> None:
    """Nobody special, nothing to write to but /tmp, no account of the cluster, bounded memory."""
    for pod in pods():
        spec = pod["spec"]
        assert (spec["enableServiceLinks"], spec["automountServiceAccountToken"]) == (False, False)
        assert (spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["runAsUser"]) == (True, 10001)
        (container,) = spec["containers"]
        security = container["securityContext"]
        assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} == container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]
        assert [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")] == ["/tmp"]  # noqa: S108
        assert re.fullmatch(r"[\w./-]+:\d[\w.]*", container["image"])


def test_a_database_that_is_away_takes_no_pod_away() -> None:
    """All probes ask whether the process lives: without its database the service still answers calls."""
    (container,) = pods()[0]["spec"]["containers"]
    probes = [container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert probes == [{"path": "/healthz", "port": "http"}] * 3
    grace = pods()[0]["spec"]["terminationGracePeriodSeconds"]
    assert grace >= 40  # 30 seconds for running calls, 5 for records


def test_what_is_named_is_there() -> None:
    """Pods use config maps, secrets and entries that the folder has; selectors find the pods that they are for."""
    names = {(one["kind"], one["metadata"]["name"]) for one in manifests()}
    (secret,) = manifests("Secret")
    for pod in pods():
        (container,) = pod["spec"]["containers"]
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys()
        used = [("ConfigMap", source["configMapRef"]["name"]) for source in container.get("envFrom", ())]
        used += [("ConfigMap", v["configMap"]["name"]) for v in volumes.values() if "configMap" in v]
        used += [("Secret", v["secret"]["secretName"]) for v in volumes.values() if "secret" in v]
        assert set(used) <= names
        secrets = [one["value"] for one in container["env"] if one["name"].endswith(IN_FILE)]
        assert {Path(value).name for value in secrets} <= secret["stringData"].keys()
    labels = [pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in pods()]
    (policy,) = manifests("NetworkPolicy")
    assert policy["spec"]["podSelector"]["matchExpressions"][0]["values"] == labels
    (service,), (budget,) = manifests("Service"), manifests("PodDisruptionBudget")
    wanted = {"app.kubernetes.io/name": labels[0]}
    assert (service["spec"]["selector"], budget["spec"]["selector"]["matchLabels"]) == (wanted, wanted)


def test_no_secret_is_in_a_file() -> None:
    """The secret has names to fill in, and no variable holds a secret."""
    (secret,) = manifests("Secret")
    assert set(secret["stringData"].values()) == {""}
    variables = [one["name"] for pod in pods() for one in pod["spec"]["containers"][0].get("env", ())]
    variables += list(manifests("ConfigMap")[0]["data"])
    assert [
        name for name in variables if re.search("KEY|TOKEN|DATABASE|REDIS", name) and not name.endswith(IN_FILE)
    ] == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed here")
def test_kubectl_puts_the_folder_together() -> None:
    """`kubectl kustomize` writes every object of the folder."""
    done = subprocess.run(["kubectl", "kustomize", FOLDER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(yaml.safe_load_all(done.stdout))) == len(manifests())
