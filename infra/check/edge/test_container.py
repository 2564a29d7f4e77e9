"""The container image, as far as it can be judged without building it."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from where import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()


def stages(text):
    """Each stage by its name: its base, and its instructions."""
    found, joined = {}, re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.M))
    for line in filter(str.strip, joined.splitlines()):
        word, rest = line.split(None, 1)
        if word == "FROM":
            base, _, name = re.fullmatch(r"(\S+)( AS (\w+))?", rest.strip()).groups()
            found[name] = current = {"base": base, "steps": []}
        else:
            current["steps"].append((word, re.sub(r"\s+", " ", rest.strip())))
    return found


def faults(text):
    """What is wrong with a Dockerfile."""
    all_stages, found = stages(text), []
    for name, stage in all_stages.items():
        steps = stage["steps"]
        if not re.search(r":[\w.-]+$", stage["base"]) or stage["base"].endswith(":latest"):
            found.append(f"{name}: {stage['base']} is any version")
        found += [f"{name}: ADD fetches and unpacks" for word, _ in steps if word == "ADD"]
        found += [f"{name}: {rest}: a secret" for word, rest in steps if word in ("ENV", "ARG") and re.search(r"secret|password|token|_key", rest, re.I)]
        found += [f"{name}: {rest}: fetched from the network" for word, rest in steps if word == "RUN" and re.search(r"\b(curl|wget|apt-get)\b", rest)]
        for word, rest in steps:
            source = re.match(r"--from=(\S+)", rest)
            if word == "COPY" and source and source[1] not in all_stages:
                found.append(f"{name}: there is no stage {source[1]}")
        if name == "build":
            continue
        users = [rest for word, rest in steps if word == "USER"]
        if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
            found.append(f"{name} runs as root, or as somebody whose number is not known")
        for word, rest in steps:
            if word in ("CMD", "ENTRYPOINT") and not rest.startswith("["):
                found.append(f"{name}: {word} needs a shell")
    return found + health(all_stages["functions"]["steps"])


def health(steps):
    """What is wrong with the health check: it must run what is in the image, and ask where the host listens."""
    check = next((rest for word, rest in steps if word == "HEALTHCHECK"), "")
    command = re.search(r"CMD (\[.*\])$", check)
    if not command:
        return ["functions has no health check in the form that needs no shell"]
    program, *arguments = json.loads(command[1])
    environment = " ".join(rest for word, rest in steps if word == "ENV")
    port = re.search(r"ASPNETCORE_URLS=http://\+:(\d+)", environment)[1]
    application = next((rest.split()[-1] for word, rest in steps if word == "COPY"), "")
    prefix = json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"]
    binding = json.loads((ROOT / "functions/health/function.json").read_text())["bindings"][0]
    expected = ["health", "--url", f"http://127.0.0.1:{port}/{prefix}/{binding['route']}"]
    found = []
    if program != f"{application}/handler":
        found.append(f"{program} is not in the image")
    if arguments != expected or binding["authLevel"] != "anonymous":
        found.append(f"{arguments} is not {expected}")
    if ("EXPOSE", port) not in steps:
        found.append(f"{port} is not exposed")
    if "POOL_BACKEND=azure" not in environment.split():
        found.append("where nothing says that this is Azure, it would run as a developer's")
    if f"AzureWebJobsScriptRoot={application} " not in environment:
        found.append("the host does not look where the application is")
    return found


def test_the_image_keeps_the_rules():
    assert faults(DOCKERFILE) == []
    assert set(stages(DOCKERFILE)) == {"build", "tools", "functions"}
    assert re.search(r"^ +Health\(", (ROOT / "handler/src/cli.rs").read_text(), re.M), "`handler health` is a command"


SEEDED = {
    "any version": ("debian:bookworm-slim", "debian:latest"),
    "no version": ("debian:bookworm-slim", "debian"),
    "root": ("USER 10001:10001\nEXPOSE", "EXPOSE"),
    "a name that may be root's": ("USER 10001:10001\nENTRYPOINT", "USER app\nENTRYPOINT"),
    "a tool that the image does not have": ('CMD ["/home/site/wwwroot/handler", "health", "--url",', "CMD curl -f #"),
    "another port": ("http://+:8080", "http://+:80"),
    "a developer's backend": ("    POOL_BACKEND=azure \\\n", ""),
    "another path": ("8080/api/health", "8080/health"),
    "a program elsewhere": ("/home/site/wwwroot/handler", "/usr/local/bin/handler"),
    "a secret": ("FUNCTIONS_WORKER_RUNTIME=custom", "FUNCTIONS_WORKER_RUNTIME=custom SEAL_KEY=abc MY_TOKEN=x"),
    "something fetched": ("COPY --from=build /app /home/site/wwwroot", "ADD https://example.com/app.tar /home/site/wwwroot"),
    "a stage that is not": ("--from=build /app/handler", "--from=builder /app/handler"),
}


@pytest.mark.parametrize("seed", SEEDED)
def test_a_seeded_fault_is_seen(seed):
    before, after = SEEDED[seed]
    assert before in DOCKERFILE
    assert faults(DOCKERFILE.replace(before, after)) != []


def test_the_compiler_is_the_workspaces():
    wanted = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert stages(DOCKERFILE)["build"]["base"] == f"rust:{wanted}-bookworm"


def context():
    """The names at the root that the build gets."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "all is left out that is not named"
    return [line[1:] for line in lines if line.startswith("!")]


def test_the_build_gets_all_that_it_needs_and_no_more(tmp_path):
    names = context()
    assert not {".git", ".pooled", "local.settings.json", "docs", "infra"} & set(names)
    leave = shutil.ignore_patterns("target", "node_modules")
    for name in names:
        path = ROOT / name
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copytree(path, tmp_path / name, ignore=leave) if path.is_dir() else shutil.copy(path, tmp_path / name)
    said = subprocess.run(["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    for source in (tmp_path / "handler").rglob("*.rs"):
        text = source.read_text()
        shipped = text.split("#[cfg(test)]")[0] if "tests" not in source.parts else ""
        for named in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', shipped):
            assert (source.parent / named).resolve().is_file(), f"{source.relative_to(tmp_path)} needs {named}"
    assert not list(Path(tmp_path).rglob("target"))
