"""The worker's part: the task posts what is due to the product, and exists only where payments are simulated."""

import json
import os
import subprocess
import sys

import pytest

from billing.simulator import tasks
from config.processes import ROOT
from tests.billing.simulator_pages.receiver import receiving

ASK = (
    "import json, config.celery as c;"
    "print(json.dumps([sorted(c.app.conf.beat_schedule), c.TASKS]))"
)  # fmt: skip


@pytest.fixture
def receiver(settings):
    with receiving() as receiver:
        settings.BASE_URL = receiver.url.removesuffix(tasks.WEBHOOK_PATH)
        yield receiver


def test_one_run_posts_everything_that_is_due(shop, receiver):
    shop.customer()

    tasks.deliver_events()

    with shop.core.desk() as desk:
        assert receiver.ids == [event["id"] for event in desk.oldest("event")]
    assert all(signature.startswith("t=") for signature, _ in receiver.requests)


def test_one_run_goes_past_an_event_that_is_refused(shop, receiver):
    shop.customer()
    with shop.core.desk() as desk:
        first = desk.oldest("event")[0]["id"]
    receiver.refuses[first] = 500

    tasks.deliver_events()

    assert len(set(receiver.ids)) == len(receiver.requests) > 1


@pytest.mark.parametrize("simulated", ["0", "1"])
def test_beat_and_worker_know_the_task_only_where_payments_are_simulated(simulated):
    environment = {**os.environ, "STRIPE_SIMULATED": simulated}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    beat, found = json.loads(asked.stdout)
    assert ("deliver-simulated-events" in beat) == (simulated == "1")
    assert ("billing.simulator.tasks" in found) == (simulated == "1")


def test_addresses_are_there_only_where_payments_are_simulated():
    """In a process of its own, with payments that are real."""
    ask = (
        "import django; django.setup()\n"
        "from django.urls import NoReverseMatch, reverse\n"
        "try:\n    print(reverse('simulated-clock'))\nexcept NoReverseMatch:\n    print('nowhere')\n"
    )
    found = {}
    for simulated, key in (("0", "sk_test_" + "1" * 24), ("1", "")):
        environment = {**os.environ, "STRIPE_SIMULATED": simulated, "STRIPE_SECRET_KEY": key}
        environment |= {"DJANGO_SETTINGS_MODULE": "config.settings.base", "STRIPE_WEBHOOK_SECRET": "whsec_x"}
        environment.setdefault("SECRET_KEY", "x" * 60)
        asked = subprocess.run(
            [sys.executable, "-c", ask], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        found[simulated] = asked.stdout.strip()
    assert found == {"0": "nowhere", "1": "/simulated-stripe/clock/"}
