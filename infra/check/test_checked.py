"""docs/CHECKED.md counts what these tests hold."""

import test_access
import test_bicep
import test_hooks
import test_rules
import test_walls
from given import ROOT


def cases(test) -> int:
    """How many times a test is run with different arguments."""
    return len(next(mark for mark in test.pytestmark if mark.name == "parametrize").args[1])


def test_the_figures_are_true():
    lines = (ROOT / "docs/CHECKED.md").read_text().splitlines()
    for row, figures in {
        "| each resource": [f"{len(test_bicep.FAULTS)} faults"],
        "| the Bicep itself": [f"{len(test_bicep.LOOSE)} faults"],
        "| conditions of role": [
            f"{len(test_access.TABLE)} questions", f"{len(test_access.FAULTS)} faults",
            f"{cases(test_access.test_what_is_no_condition_is_refused)} texts",
        ],
        "| whole accounts": [f"{cases(test_access.test_a_whole_account_is_found)} faults"],
        "| who may tell Foundry": [f"{cases(test_access.test_who_may_not_ask_for_a_user_or_may_do_more_is_found)} faults"],
        "| names of role assignments": [f"{cases(test_access.test_an_assignment_is_named_after_its_principal)} faults"],
        "| the order": [
            f"{len(test_rules.ORDER) + cases(test_rules.test_what_must_be_connected_first_is)} pairs",
            f"{cases(test_rules.test_a_wrong_order_is_found)} faults",
        ],
        "| every other member": [f"{len(test_walls.OPENED)} faults"],
        "| the hooks": [f"{len(test_hooks.EVIL)} ill names"],
    }.items():  # fmt: skip
        [line] = [line for line in lines if line.startswith(row)]
        assert [figure for figure in figures if f" {figure}" not in line] == [], line
