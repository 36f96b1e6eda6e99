"""The whole document against the API itself: what schemathesis makes of it, sent by four roles to this process.

Bounded and the same every time. `API_EXAMPLES=50` asks for that many examples of each kind per operation.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
import requests
import schemathesis
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config import streaming
from tests import factories, sweep
from usage.pace import window

HOST = f"http://{factories.HOST}"
EXAMPLES = int(os.environ.get("API_EXAMPLES", "1"))
ROLES = ("owner", "member", "viewer", "no one")
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip
# An endless body of events, which no schema describes. tests/assistants/test_chat_api.py reads it over the wire.
STREAMS = {"/api/v1/runs/{run_id}/events"}
SENT = {"method", "url", "headers", "params", "json", "data", "files"}
# The same requests every time, and none is made smaller: what is found is told as it was sent.
SETTINGS = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def furnished(db, world, monkeypatch) -> sweep.World:
    """Real objects to name, and rates that do not answer for the API."""
    monkeypatch.setattr(window, "take", lambda subjects: None)
    home = sweep.furnish_workspace(world.home, "of all", date(2020, 3, 1))
    return replace(world, own={role: replace(things, **home) for role, things in world.own.items()})


@pytest.fixture
def document(db) -> dict:
    return factories.browser().get("/api/schema/?format=json").json()


def operations(document: dict) -> Iterator[APIOperation]:
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        if operation.path not in STREAMS:
            yield operation


def client_of(world: sweep.World, role: str) -> Client:
    if role == "no one":
        client = factories.browser()
    else:
        headers = {"X-Workspace": world.home.slug}
        client = factories.sign_in(world.people[role].user, headers=headers)
    client.raise_request_exception = False
    return client


def ids_of(operation: APIOperation, things: sweep.Things) -> dict[str, str]:
    names = {
        "endpoint_id": "webhook", "delivery_id": "webhook_delivery", "message_id": "answer", "import_id": "import_id",
        "item_id": "memory",
    }  # fmt: skip
    return {
        row.name: str(getattr(things, names.get(row.name, row.name.removesuffix("_id"))))
        for row in operation.path_parameters
    }


def send(client: Client, case: schemathesis.Case) -> tuple[requests.PreparedRequest, HttpResponse]:
    """Whatever it did is undone."""
    prepared = requests.Request(**_known(case.as_transport_kwargs(base_url=HOST))).prepare()
    kind = prepared.headers.get("Content-Type", "")
    headers = {name: value for name, value in prepared.headers.items() if name.lower() != "content-type"}
    body = prepared.body or b""
    undone = transaction.atomic()
    undone._from_testcase = True  # type: ignore[attr-defined]  # services may ask for the outermost one
    with undone:
        response = client.generic(
            case.method,
            prepared.url.removeprefix(HOST),
            body.encode() if isinstance(body, str) else body,
            content_type=kind,
            headers={name: _text(value) for name, value in headers.items()},
        )
        if response.streaming:
            response.text_sent = b"".join(response)
        transaction.set_rollback(True)
    return prepared, response


def _known(sent: dict) -> dict:
    return {name: value for name, value in sent.items() if name in SENT}


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def received(prepared: requests.PreparedRequest, response: HttpResponse) -> Response:
    content = response.text_sent if response.streaming else response.content
    return Response(
        status_code=response.status_code,
        headers={name.lower(): [value] for name, value in response.headers.items()},
        content=content,
        request=prepared,
        elapsed=0.0,
        verify=False,
        message=response.reason_phrase,
        encoding="utf-8",
    )


def complaints(world: sweep.World, operation: APIOperation) -> dict[str, str]:
    """What the answers to generated requests contradict. Each kind of request is sent by every role: one that names
    what is there and is as the document allows, and one that is anything at all."""
    found: dict[str, str] = {}
    clients = {role: client_of(world, role) for role in ROLES}

    def check(case: schemathesis.Case) -> None:
        for role, client in clients.items():
            prepared, response = send(client, case)
            if isinstance(response, streaming.Deferred):
                continue  # finished on the event loop when a worker has answered: tests/live
            try:
                case.validate_response(received(prepared, response), checks=CHECKS)
            except (Failure, FailureGroup) as failure:
                for one in getattr(failure, "exceptions", [failure]):
                    title = f"{operation.label}: {one.title} {response.status_code}"
                    found.setdefault(title, f"{role}: {prepared.url} {case.body!r:.300}\n{one.message[:500]}")

    fitting = operation.as_strategy(path_parameters=ids_of(operation, world.own["owner"]))
    for strategy in (fitting, operation.as_strategy(schemathesis.GenerationMode.NEGATIVE)):
        SETTINGS(given(case=strategy)(check))()
    return found


def test_no_answer_contradicts_the_document(furnished, document):
    found: dict[str, str] = {}
    for operation in operations(document):
        found |= complaints(furnished, operation)
    assert not found, "\n\n".join(f"{title}\n{text}" for title, text in found.items())


def test_answer_that_the_document_lacks_is_found(furnished, document):
    """The control."""
    del document["paths"]["/api/v1/keys"]["get"]["responses"]["200"]
    (operation,) = (each for each in operations(document) if each.label == "GET /api/v1/keys")
    assert list(complaints(furnished, operation)) == ["GET /api/v1/keys: Undocumented status code 200"]
