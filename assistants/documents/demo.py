"""A handbook that everybody reads, and an answer that cites it."""

import typst
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.permissions import Member
from assistants.chat import services as chat
from assistants.documents import parsing, prompt, queries, services
from assistants.llm.usage import Usage
from assistants.models import Assistant
from assistants.runs import services as runs
from assistants.runs import turns
from assistants.runs.job import Outcome
from usage.holds import services as holds

HANDBOOK = """
#set document(title: "Handbook")
#set page(width: 14cm, height: 18cm, margin: 1.6cm)
= Leave
Everybody has 30 days of leave a year, in addition to public holidays. Days that are left over can be taken
until the end of March.
== Illness
Tell your team by nine in the morning. From the fourth day on a doctor’s note is needed.
#pagebreak()
= Working from elsewhere
You can work from another country for up to 20 days a year. Ask six weeks ahead, because of insurance.
== Equipment
Notebooks are replaced after four years. Screens, chairs and headsets are ordered by the office.
#pagebreak()
= Expenses
Hand in receipts within 30 days. Trains are booked in second class, flights only above six hours by train.
"""
QUESTION = "Until when can I take leave that is left over?"
ANSWER = "**Until the end of March** [1]. You have 30 days a year, in addition to public holidays."


def seed(*, member: Member, assistant: Assistant) -> None:
    """In the workspace. Read at once, in a process of its own, so that the pages show it."""
    content = bytes(typst.compile(HANDBOOK.encode()))
    file = SimpleUploadedFile("Handbook.pdf", content, "application/pdf")
    document = services.upload(member=member, file=file, is_shared=True)
    parsing.parse(workspace_id=member.workspace_id, document_id=document.id)
    _talk(member, assistant)


def _talk(member: Member, assistant: Assistant) -> None:
    found = queries.search(person_id=member.user_id, query=QUESTION, limit=1)
    turn = chat.start_conversation(member=member, assistant=assistant, text=QUESTION)
    claim = holds.claim(turn.run.id) if turn.run else None
    if claim is None or turn.run is None:
        return
    used = [prompt.used_by(passage, number) for number, passage in enumerate(found, start=1)]
    request = turns.request_of(turn.run, claim)
    runs.begin_run(turn.run, attempt=claim.attempt, request=request, context={"used": used})
    outcome = Outcome(
        text=ANSWER,
        finish_reason="stop",
        answered_by=assistant.model,
        usage=Usage(turn.run.input_tokens, 40, 0, 0),
    )
    runs.finish_run(run_id=claim.hold_id, attempt=claim.attempt, outcome=outcome)
