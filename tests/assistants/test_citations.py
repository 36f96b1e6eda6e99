"""A source has one shape and one name for its number, wherever the API tells of it."""

from uuid import uuid4

from assistants.chat.message_serializers import CitationSerializer as OfMessage
from assistants.generation import reports
from assistants.generation.serializers import SourceSerializer as OfCall
from assistants.models import Run
from assistants.openai import citations

USED = {
    "kind": "passage",
    "id": str(uuid4()),
    "document": str(uuid4()),
    "n": 2,
    "name": "leave.txt",
    "page": 3,
    "heading": "Leave",
}
SHARED = {"number", "document", "passage", "name", "page", "heading"}


def test_number_has_one_name():
    run = Run(context={"used": [USED]}, text="30 days [2].")
    (of_openai,) = citations.of_run(run)
    (of_call,) = reports.sources_of(run.context, run.text)
    assert of_openai == {
        "number": 2, "document": USED["document"], "passage": USED["id"], "name": "leave.txt", "page": 3,
        "heading": "Leave",
    }  # fmt: skip
    assert of_call == {**of_openai, "is_cited": True}
    assert set(OfCall().fields) == SHARED | {"is_cited"}
    assert set(OfMessage().fields) == SHARED | {"is_cited", "url"}
