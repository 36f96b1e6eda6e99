"""`?fields=` over the REST API: every view heeds it, and names that there are not are refused."""

import pytest

from config.sparse import SparseFields
from tests import factories
from tests.assistants.api.conftest import Caller
from tests.test_architecture import routes


@pytest.fixture
def api(db, owner) -> Caller:
    return Caller(owner)


def test_every_view_that_answers_a_get_heeds_it():
    views = {
        pattern.callback.view_class
        for path, pattern in routes()
        if path.startswith("api/v1/") and hasattr(getattr(pattern.callback, "view_class", None), "get")
    }
    assert len(views) > 60
    assert [view.__name__ for view in views if not issubclass(view, SparseFields)] == []


def test_webhooks_and_their_deliveries(api):
    made = api.post("webhooks", url="https://example.com/", event_types=["run.finished"]).json()
    one = f"webhooks/{made['id']}"
    assert api.get(one, fields="id,url").json() == {"id": made["id"], "url": "https://example.com/"}
    assert api.rows("webhooks", fields="state") == [{"state": made["state"]}]
    assert api.post(f"{one}/test").status_code == 202
    assert api.rows(f"{one}/deliveries", fields="type") == [{"type": "webhook.test"}]
    for path in (one, "webhooks", f"{one}/deliveries"):
        refused = api.get(path, fields="secret")
        assert (refused.status_code, refused.json()["code"], list(refused.json()["fields"])) == (
            400, "invalid", ["fields"],
        )  # fmt: skip


def test_result_of_a_run(api, acme, owner, in_acme):
    turn = factories.ask(owner.member)
    factories.answer(turn.run, "An answer.")
    assert api.get(f"runs/{turn.run.id}/result", fields="state").json() == {"state": "done"}
    assert api.get(f"runs/{turn.run.id}/result", fields="nothing").status_code == 400


def test_what_is_answered_to_a_change_is_whole(api):
    made = api.client.post(
        "/api/v1/projects?fields=name", {"name": "Launch"}, content_type="application/json"
    ).json()
    assert (made["name"], "id" in made) == ("Launch", True)
