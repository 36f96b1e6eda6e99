"""The shell script, in a copy without a network: `pip` and `venv` are stand-ins that note their calls."""

import os
import shutil
import subprocess

import pytest

from config.processes import ROOT

FILES = ("dev", "requirements.txt", "requirements-dev.txt", "constraints.txt")
TOOLS = ("sh", "dirname", "cat", "cksum", "awk", "mkdir", "rmdir", "sleep", "chmod", "cp", "env")

# Answers like Python: version check, `-m venv DIR`, `-m pip install`, `-m config.local`.
PYTHON = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
*"import ensurepip"*) exit ${WITHOUT_VENV:-0} ;;
*"-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
*"-m pip install"*) echo "Collecting Django>=5.2"; exit ${PIP_CODE:-0} ;;
*"-m config.local"*) echo "in $PWD" ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in FILES:
        shutil.copy(ROOT / name, clone)
    return clone


@pytest.fixture
def path(tmp_path):
    """A PATH with the few tools of every system and a Python stand-in."""
    path = tmp_path / "bin"
    path.mkdir()
    for tool in TOOLS:
        (path / tool).symlink_to(shutil.which(tool))
    (path / "python3").write_text(PYTHON)
    (path / "python3").chmod(0o755)
    return path


@pytest.fixture
def dev(clone, path, tmp_path):
    calls = tmp_path / "calls"

    def run(*arguments, **more):
        calls.write_text("")
        environment = {"PATH": str(path), "HOME": "", "CALLS": str(calls)} | more
        command = [str(clone / "dev"), *arguments]
        result = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, check=False
        )
        result.calls = calls.read_text()
        return result

    return run


def test_the_first_command_makes_the_environment_and_hands_over_in_its_own_directory(dev, clone):
    result = dev("up", "--port", "9000")

    assert result.returncode == 0, result.stderr
    assert (
        "-m pip install --disable-pip-version-check --no-input -c constraints.txt -r requirements.txt"
        in result.calls
    )
    assert "Django>=5.2" in result.stdout
    assert result.calls.splitlines()[-1] == "-m config.local up --port 9000"
    assert f"in {clone}" in result.stdout


def test_the_second_command_installs_nothing(dev):
    dev("up")

    assert dev("down").calls == "-m config.local down\n"


def test_tests_need_more_packages_and_the_product_then_none(dev):
    assert "-r requirements.txt -r requirements-dev.txt" in dev("test").calls
    assert dev("up").calls == "-m config.local up\n"


def test_changed_requirements_are_installed(dev, clone):
    dev("up")
    with (clone / "requirements.txt").open("a") as file:
        file.write("another>=1\n")

    assert "-m pip install" in dev("up").calls


def test_a_failed_installation_is_said_and_repeated(dev):
    failed = dev("up", PIP_CODE="1")

    assert failed.returncode == 1
    assert failed.stderr == "The packages could not be installed; see above.\n"
    assert "config.local" not in failed.calls
    assert "-m pip install" in dev("up").calls


def test_a_machine_without_python_gets_one_sentence(dev, path):
    (path / "python3").unlink()

    result = dev("up")

    assert result.returncode == 1
    assert result.stderr == "Steward needs Python 3.11 or newer, and there is none: install python3.11.\n"


def test_a_python_without_venv_gets_one_sentence(dev):
    result = dev("up", WITHOUT_VENV="1")

    assert result.returncode == 1
    assert "apt-get install python3-venv" in result.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 0), (["strat"], 2)])
def test_help_names_the_commands(dev, arguments, code):
    result = dev(*arguments)

    assert result.returncode == code
    for command in ("up", "down", "test", "lint", "manage", "bench"):
        assert f"\n  {command} " in result.stdout + result.stderr


def test_the_script_is_executable():
    assert os.access(ROOT / "dev", os.X_OK)
    assert os.access(ROOT / ".ci/run", os.X_OK)
