"""compose.yaml and the workflow against their published schemas, and against what the product runs."""

import subprocess
import sys

import pytest
import yaml

from config import processes
from config.processes import ROOT

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
APPLICATION = {name: service for name, service in SERVICES.items() if name not in {"postgres", "redis"}}


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.compose-spec", "compose.yaml"),
        ("vendor.github-workflows", ".github/workflows/test.yml"),
    ],
)
def test_files_follow_their_published_schema(schema, path):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


def test_every_process_is_a_service_and_runs_the_same_command():
    assert set(APPLICATION) == set(processes.NAMES) - {"simulator"}
    for name, service in APPLICATION.items():
        assert service["command"] == ["python", "-m", "config.processes", name]


def test_health_checks_ask_the_process_itself():
    checked = {name: service["healthcheck"].get("test") for name, service in APPLICATION.items()}

    assert checked == {
        "web": ["CMD", "python", "-m", "config.processes", "healthy", "web"],
        "worker-llm": ["CMD", "python", "-m", "config.processes", "healthy", "worker-llm"],
        "worker": ["CMD", "python", "-m", "config.processes", "healthy", "worker"],
        "beat": None,
        "migrate": None,
    }
    assert SERVICES["postgres"]["healthcheck"]["test"]
    assert SERVICES["redis"]["healthcheck"]["test"]


def test_only_web_is_reachable_and_by_default_from_this_host_only():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"web": ["${WEB_PUBLISH:-127.0.0.1:8000}:8000"]}


def test_processes_start_after_the_migrations():
    for name in APPLICATION.keys() - {"migrate"}:
        conditions = {other: rule["condition"] for other, rule in SERVICES[name]["depends_on"].items()}
        assert conditions == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "redis": "service_healthy",
        }


def test_no_secret_stands_in_the_file():
    for value in SERVICES["web"]["environment"].values():
        assert ":?Set " in value


def test_the_example_names_every_variable_that_has_to_be_set():
    example = (ROOT / "deploy/example.env").read_text()
    text = (ROOT / "compose.yaml").read_text()
    required = {part.split(":?")[0] for part in text.split("${")[1:] if ":?" in part.split("}")[0]}

    assert required == {"SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "OPENAI_API_KEY"}
    for name in required:
        assert f"\n{name}=" in example


def test_data_lives_in_volumes():
    assert set(COMPOSE["volumes"]) == {"postgres", "redis", "state"}
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]


def test_application_containers_cannot_change_their_image_or_gain_rights():
    for service in APPLICATION.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
