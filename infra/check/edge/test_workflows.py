"""The workflows: they hold no secret, trust no tag, may do no more than they must, and fail when they should."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from where import ROOT

FOLDER = ROOT / ".github/workflows"
FILES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.yml"))}
CI = FILES["ci.yml"]


def tool(name, *arguments):
    found = shutil.which(name)
    assert found, f"{name} is needed: run `make edge`"
    return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def faults(text):
    """What the rules of this house say of a workflow."""
    flow, found = yaml.safe_load(text), []
    if flow.get("permissions") != {}:
        found.append("the workflow may do more than nothing")
    if "secrets" in text.replace("There are no secrets", "").replace("there are no secrets", ""):
        found.append("a secret")
    for line in text.splitlines():
        if "uses:" in line and not re.search(r"uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line):
            found.append(f"not pinned: {line.strip()}")
    for name, job in flow["jobs"].items():
        allowed = {"deploy": {"contents": "read", "id-token": "write"}, "green": {"actions": "read"}}.get(name, {"contents": "read"})
        if job.get("permissions") != allowed:
            found.append(f"{name} may do other than {allowed}")
        if "timeout-minutes" not in job:
            found.append(f"{name} may run for ever")
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@") and step["with"].get("persist-credentials") is not False:
                found.append(f"{name} keeps credentials")
            if step.get("continue-on-error") or re.search(r"\|\| *(true|:)", step.get("run", "")):
                found.append(f"{name} passes over a failure")
            if "${{" in step.get("run", ""):
                found.append(f"{name} puts an expression into a script")
    return found


def lint(text, folder):
    """What actionlint and zizmor say of a workflow."""
    path = Path(folder) / ".github/workflows/flow.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {
        "actionlint": tool("actionlint", "-shellcheck=", "-pyflakes=", path),
        "zizmor": tool("zizmor", "--offline", "--persona", "pedantic", path),
    }


@pytest.mark.parametrize("name", FILES)
def test_a_workflow_keeps_the_rules(name, tmp_path):
    assert faults(FILES[name]) == []
    for linter, said in lint(FILES[name], tmp_path).items():
        assert said.returncode == 0, f"{linter}: {said.stdout}{said.stderr}"


SEEDED = {
    "a tag": (re.sub(r"checkout@[0-9a-f]{40} # v5.0.0", "checkout@v5", CI), "zizmor"),
    "all permissions": (CI.replace("permissions: {}\n", "", 1).replace("    permissions:\n      contents: read\n", ""), "zizmor"),
    "a job that may write": (CI.replace("contents: read", "contents: write", 1), None),
    "a secret": (CI.replace("make check", "make check # ${{ secrets.KEY }}"), None),
    "kept credentials": (CI.replace("          persist-credentials: false\n", "          fetch-depth: 1\n", 1), "zizmor"),
    "an expression in a script": (CI.replace("make check", "echo ${{ github.head_ref }}"), "zizmor"),
    "a failure passed over": (CI.replace("make check", "make check || true"), None),
    "an expression that is none": (CI.replace("${{ github.ref }}", "${{ github.reff }}"), "actionlint"),
    "a job that needs nobody": (CI.replace("    name: Package\n", "    name: Package\n    needs: nobody\n"), "actionlint"),
}


@pytest.mark.parametrize("seed", SEEDED)
def test_a_seeded_fault_is_seen(seed, tmp_path):
    text, linter = SEEDED[seed]
    assert text != CI
    if linter:
        assert lint(text, tmp_path)[linter].returncode != 0
    if linter != "actionlint":
        assert faults(text) != []


def test_pins_are_renewed_wherever_there_are_pins():
    said = tool("zizmor", "--offline", "--persona", "pedantic", ROOT / ".github/dependabot.yml")
    assert said.returncode == 0, said.stdout + said.stderr
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    watched = {(each["package-ecosystem"], folder) for each in updates for folder in each.get("directories") or [each["directory"]]}
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    pins = {"Cargo.lock": "cargo", "Dockerfile": "docker", "requirements.txt": "pip", "package-lock.json": "npm"}
    kept = {(pins[path.name], "/" + str(path.parent).strip(".")) for path in map(Path, files) if path.name in pins}
    assert len(kept) > 5 and watched == kept | {("github-actions", "/")}


def test_make_targets_that_are_named_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {name for text in FILES.values() for name in re.findall(r"\bmake ([a-z]+)", text)}
    for flow in map(yaml.safe_load, FILES.values()):
        for job in flow["jobs"].values():
            named |= set(job.get("strategy", {}).get("matrix", {}).get("target", []))
    assert named <= targets and {"check", "test", "edge", "deny", "package", "nightly", "sabotage", "mutants"} <= named
    # `make nightly` is the proof at length and the fuzzers.
    assert {"prove", "fuzz"} <= set(re.findall(r"\(MAKE\) (\w+)", (ROOT / "Makefile").read_text()))


def test_what_a_step_of_tests_is_told_is_read():
    """A variable that nothing reads is a test that is shorter than it looks."""
    sources = [path for folder in ("handler", "tests", "fuzz") for path in (ROOT / folder).rglob("*") if path.suffix in (".rs", ".sh") and "target" not in path.parts]
    text = "".join(path.read_text() for path in sources)
    steps = [step for name in ("ci.yml", "nightly.yml") for job in yaml.safe_load(FILES[name])["jobs"].values() for step in job["steps"]]
    told = {variable for step in steps for variable in step.get("env", {}) if f'"${variable}"' not in step["run"]}
    assert told and [variable for variable in told if variable not in text] == []


def loopback(folder, **environment):
    """tests/loopback where no namespace can be had."""
    (folder / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (folder / "unshare").chmod(0o755)
    told = [str(ROOT / "tests/loopback"), "echo", "ran"]
    return subprocess.run(told, env={"PATH": f"{folder}:/usr/sbin:/usr/bin:/sbin:/bin", **environment}, capture_output=True, text=True)


def test_without_a_network_namespace_ci_is_red(tmp_path):
    assert (loopback(tmp_path).stdout, loopback(tmp_path).returncode) == ("ran\n", 0)
    red = loopback(tmp_path, CI="true")
    assert (red.stdout, red.returncode) == ("", 1) and "no network namespace" in red.stderr
    for name in ("ci.yml", "nightly.yml"):
        runs = [step.get("run", "") for job in yaml.safe_load(FILES[name])["jobs"].values() for step in job["steps"]]
        assert runs.index("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0") == runs.index("make test") - 1, name


@pytest.mark.parametrize("said, green", [("success", True), ("failure", False), ("", False), ("success\nfailure", False)])
def test_what_is_not_green_is_not_deployed(said, green, tmp_path):
    jobs = yaml.safe_load(FILES["deploy.yml"])["jobs"]
    assert jobs["deploy"]["needs"] == "green"
    [step] = jobs["green"]["steps"]
    (tmp_path / "gh").write_text(f"#!/bin/sh\necho \"$@\" >asked\nprintf '%b' '{said}'\n")
    (tmp_path / "gh").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_SHA": "c0ffee", "GITHUB_REPOSITORY": "we/pool"}
    ended = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ended.returncode == 0) is green and ("::error::ci ended as" in ended.stdout) is not green
    assert "--workflow ci.yml --commit c0ffee" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("code", [0, 1, 2])
def test_a_deployment_that_does_not_hold_fails_the_pipeline(code, tmp_path):
    """The step's own script, run as a runner runs it, against a `verify` that ends with each of its codes."""
    steps = yaml.safe_load(FILES["deploy.yml"])["jobs"]["deploy"]["steps"]
    step = next(step for step in steps if step.get("name") == "Verify isolation through the gateway")
    for path, script in {
        ".github/scripts/token": 'echo "token-of-$1"',
        "target/release/handler": f'echo "$@" >asked; cat "${{4#@}}" "${{6#@}}" "${{8#@}}" >tokens; exit {code}',
    }.items():
        stub = tmp_path / path
        stub.parent.mkdir(parents=True)
        stub.write_text(f"#!/bin/sh\n{script}\n")
        stub.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(tmp_path), "GATEWAY_URL": "https://gateway.example"}
    environment |= {"CLIENT_A": "a", "CLIENT_B": "b", "CLIENT_A_USER": "u"}
    ended = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ended.returncode == code, ended.stderr
    assert (tmp_path / "tokens").read_text() == "token-of-atoken-of-btoken-of-u"
    assert "token-of" not in (tmp_path / "asked").read_text(), "no token on a command line"
    assert "::add-mask::token-of-a" in ended.stdout
    assert steps.index(step) > next(at for at, each in enumerate(steps) if each.get("run", "").startswith("azd deploy"))


def test_scripts_can_be_read_by_the_shell():
    for script in (ROOT / ".github/scripts").iterdir():
        assert subprocess.run(["bash", "-n", script]).returncode == 0
        assert "set -euo pipefail" in script.read_text() and script.stat().st_mode & 0o111
