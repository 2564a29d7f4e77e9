"""What the tests are given: where things are, and the deployment that infra/ describes, whole or with a fault put in."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

from deploy import Deployment

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
ENVIRONMENT = {
    "AZURE_ENV_NAME": "test",
    "AZURE_LOCATION": "westeurope",
    "AZURE_PRINCIPAL_ID": "00000000-0000-0000-0000-0000000000ee",
    "TOKEN_ISSUER": "https://issuer.example/v2.0",
    "OPENID_CONFIG_URL": "https://issuer.example/v2.0/.well-known/openid-configuration",
    "API_AUDIENCE": "api://pool",
    "PUBLISHER_EMAIL": "operators@example.com",
    "ALERT_EMAIL": "operators@example.com",
}
# A tenant whose name begins as another's does, and one with everything of its own.
TENANTS = [
    {"id": "contoso"},
    {"id": "contoso-eu"},
    {"id": "fabrikam", "ownContainers": True, "ownVault": True, "federatedIssuer": "https://idp.example", "federatedSubject": "job"},
]


def schemas(path: str) -> Path:
    """A file or folder of $TESTDATA. Without it the test is not run, and says so; in CI it fails."""
    found = Path(os.environ.get("TESTDATA", ROOT.parent / "shared" / "testdata")) / "schemas" / path
    if not found.exists():
        if os.environ.get("CI"):
            pytest.fail(f"schemas/{path} is not in TESTDATA")
        pytest.skip(f"NOT RUN: schemas/{path} is not in TESTDATA")
    return found


def parameters(infra: Path = INFRA, **changed: object) -> dict:
    """main.bicepparam, as azd would read it."""
    return Deployment(infra / "main.bicepparam", {}, ENVIRONMENT).outputs | {"tenants": TENANTS} | changed


@cache
def deployment() -> Deployment:
    return Deployment(INFRA / "main.bicep", parameters())


def connected(infra: Path = INFRA) -> Deployment:
    """What hooks/postdeploy.sh deploys."""
    return Deployment(infra / "connect.bicep", {"appName": "func", "gatewayName": "apim", "topicName": "evgt"})


class Copy:
    """A copy of infra/ to put faults into."""

    def __init__(self, folder: Path):
        self.path = folder / "infra"
        shutil.copytree(INFRA, self.path, ignore=shutil.ignore_patterns("check"))

    def change(self, file: str, old: str, new: str) -> "Copy":
        path = self.path / file
        text = path.read_text()
        assert old in text, f"{file} no longer has {old!r}: the fault cannot be put in"
        path.write_text(text.replace(old, new))
        return self

    def deployment(self, **changed: object) -> Deployment:
        return Deployment(self.path / "main.bicep", parameters(self.path, **changed))
