"""Says what was not run, and why."""

from collections import Counter

import pytest


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(each.longrepr[2].removeprefix("Skipped: ") for each in skipped if isinstance(each.longrepr, tuple))
    for reason, tests in reasons.items():
        terminalreporter.write_line(f"{reason} ({tests} tests)")
