"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TESTDATA = Path(os.environ.get("TESTDATA", ROOT.parent / "shared" / "testdata"))
INFRA = ROOT / "infra"
