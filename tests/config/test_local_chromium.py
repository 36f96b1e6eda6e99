import pytest

from config.local import chromium


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    return tmp_path


def put(directory, name, text=""):
    program = directory / name
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return str(program)


def test_the_machines_browser_is_taken(bare_machine):
    path = put(bare_machine, "google-chrome")

    assert chromium.chromium_environment() == {"CHROMIUM": path}


def test_a_given_browser_wins(bare_machine, monkeypatch):
    put(bare_machine, "chromium")
    monkeypatch.setenv("CHROMIUM", "/given")

    assert chromium.chromium_environment() == {"CHROMIUM": "/given"}


def test_root_installs_it_with_the_package_manager(bare_machine, monkeypatch, capsys):
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 0)
    monkeypatch.setattr(chromium.sys, "platform", "linux")
    target = bare_machine / "chromium"
    put(bare_machine, "apt-get", f"[ $1 = update ] || {{ echo > {target}; /bin/chmod 755 {target}; }}")

    assert chromium.chromium_environment() == {"CHROMIUM": str(target)}
    assert "Installing Chromium with apt-get" in capsys.readouterr().out


def test_an_ordinary_user_is_asked_for_no_password_but_told(bare_machine, monkeypatch):
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(chromium.sys, "platform", "linux")
    put(bare_machine, "apt-get", "exit 99")

    (reason,) = chromium.chromium_environment().items()

    assert reason[0] == "CHROMIUM_MISSING"
    assert "install `chromium`" in reason[1]


def test_a_failed_installation_is_told(bare_machine, monkeypatch):
    monkeypatch.setattr(chromium.os, "geteuid", lambda: 0)
    monkeypatch.setattr(chromium.sys, "platform", "linux")
    put(bare_machine, "apt-get", "exit 1")

    assert "CHROMIUM_MISSING" in chromium.chromium_environment()
