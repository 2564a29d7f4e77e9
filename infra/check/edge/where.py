"""Where things are."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INFRA = ROOT / "infra"


def foreign(path):
    """A file of `$TESTDATA`, which is not kept in this repository. Without it a test does not run, and says so; with `CI` set it fails."""
    found = Path(os.environ.get("TESTDATA", ROOT.parent / "shared/testdata")) / path
    if not found.exists():
        (pytest.fail if "CI" in os.environ else pytest.skip)(f"NOT RUN: {found} is not there: set TESTDATA")
    return found
