import sys

import pytest

from config import processes


def test_web_listens_where_the_environment_says():
    (command,) = processes.commands("web", {"HOST": "0.0.0.0", "PORT": "9000", "WEB_CONCURRENCY": "5"})

    assert command[:4] == [sys.executable, "-m", "gunicorn", "config.asgi:application"]
    assert "--bind=0.0.0.0:9000" in command
    assert "--workers=5" in command
    assert "--no-control-socket" in command


def test_each_worker_takes_its_own_queues():
    (streaming,) = processes.commands("worker-llm", {})
    (other,) = processes.commands("worker", {})

    assert "--queues=llm" in streaming
    assert "--concurrency=250" in streaming
    assert "--queues=default,billing,documents" in other


def test_a_second_worker_on_the_same_host_has_another_name():
    (first,) = processes.commands("worker-llm", {})
    (second,) = processes.commands("worker-llm", {"WORKER_NUMBER": "2"})

    assert "--hostname=llm-1@%h" in first
    assert "--hostname=llm-2@%h" in second


def test_beat_keeps_its_schedule_in_the_state_directory_and_no_pid_file():
    (command,) = processes.commands("beat", {"STATE_DIR": "/somewhere"})

    assert "--schedule=/somewhere/beat-schedule" in command
    assert "--pidfile=" in command


def test_demo_data_is_loaded_only_in_a_demo():
    migrate, prices = processes.manage("migrate_all"), processes.manage("load_prices")
    plans = processes.manage("sync_plans", "--if-reachable")

    assert processes.commands("migrate", {}) == [migrate, prices, plans]
    assert processes.commands("migrate", {"DEMO": "1"}) == [
        migrate,
        prices,
        plans,
        processes.manage("demo", "--seed"),
    ]


@pytest.mark.parametrize("name", ["", "database", "web "])
def test_an_unknown_process_is_refused_with_the_names_there_are(name):
    with pytest.raises(ValueError, match="there are: web, worker-llm"):
        processes.commands(name, {})

    assert processes.main([name]) == 2
