"""What the API's document says of every operation."""

import pytest

from tests import factories


@pytest.fixture
def operations(db) -> dict:
    document = factories.browser().get("/api/schema/?format=json").json()
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("get", "post", "put", "patch", "delete")
    }


def names(operation) -> set[str]:
    return {row["name"] for row in operation.get("parameters", []) if row["in"] == "header"}


def test_every_operation_names_its_errors_with_an_example(operations):
    assert len(operations) > 40
    for operation in operations.values():
        problems = {int(status): body for status, body in operation["responses"].items() if status >= "400"}
        assert {400, 429} <= set(problems)
        for status, body in problems.items():
            content = body["content"]["application/problem+json"]
            assert content["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}
            (example,) = content["examples"].values()
            assert example["value"]["status"] == status


def test_limits_are_explained(operations):
    responses = operations["POST", "/api/v1/conversations"]["responses"]
    for status, code in (("402", "quota_exceeded"), ("429", "rate_limited")):
        value = responses[status]["content"]["application/problem+json"]["examples"][code]["value"]
        assert {"limit", "used", "held", "resets_at", "upgrade_url"} <= set(value)


def test_headers_of_changes_are_named(operations):
    url = "/api/v1/assistants/{assistant_id}"
    assert names(operations["PATCH", url]) == {"Idempotency-Key", "If-Match"}
    assert names(operations["GET", url]) == {"If-None-Match"}
    assert names(operations["POST", "/api/v1/conversations"]) == {"Idempotency-Key"}


def test_document_is_made_without_a_warning(db, tmp_path, capsys):
    """Of names that collide, of shapes that cannot be told, and of what is no OpenAPI."""
    call_command("spectacular", fail_on_warn=True, validate=True, file=str(tmp_path / "schema.yaml"))
    assert capsys.readouterr().err == ""


def test_warning_fails_the_document(db, tmp_path, settings):
    """The control."""
    settings.ENUM_NAME_OVERRIDES = {}
    with mock.patch.dict(spectacular_settings.user_settings, {"ENUM_NAME_OVERRIDES": {}}):
        spectacular_settings.reload()
