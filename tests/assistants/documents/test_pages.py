"""The pages of documents: several files at once, each with its own fate; rows that tell how far they are; passages."""

import re

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assistants.documents import queries, services
from assistants.models import Document, DocumentChunk
from tenants.scope import enter
from tests import factories
from tests.assistants.documents import files, shelf

LIST = "/w/acme/documents/"
pytestmark = pytest.mark.django_db


def keep(person, text: str = "Everybody has 30 days of leave.", **fields) -> Document:
    with enter(person.workspace):
        return shelf.keep(person.member, text, **fields)


def names(person) -> list[str]:
    with enter(person.workspace):
        return list(queries.list_documents(person.member).values_list("name", flat=True))


def test_files_are_taken_in_one_by_one_and_a_refused_one_costs_no_other(member):
    answer = member.browser().post(
        LIST,
        {
            "files": [
                files.upload("a.txt", b"One."), files.upload("b.pdf", b"no pdf"), files.upload("c.md", b"# Three"),
            ]
        },
    )  # fmt: skip

    assert answer.status_code == 415
    page = answer.content.decode()
    assert "<strong>b.pdf</strong>: This file is not what its name says." in page
    assert sorted(names(member)) == ["a.txt", "c.md"]
    assert member.browser().post(LIST, {"files": files.upload("d.txt", b"Four.")}).status_code == 302


def test_the_script_gets_a_row_for_each_file_or_the_words_of_a_refusal(member):
    browser = member.browser(headers={"HX-Request": "true"})

    taken = browser.post(LIST, {"files": files.upload("a.txt", b"One.")})
    refused = browser.post(LIST, {"files": files.upload("b.pdf", b"no pdf")})

    assert taken.status_code == 201
    row = taken.content.decode()
    assert row.startswith('<li class="doc"') and 'hx-trigger="load delay:1s"' in row and "a.txt" in row
    assert (refused.status_code, 'data-problem="type_disagrees"' in refused.content.decode()) == (415, True)


def test_a_row_is_asked_for_again_until_its_file_is_read(member):
    with enter(member.workspace):
        document = shelf.upload(member.member)
    url = f"{LIST}{document.id}/row/"
    browser = member.browser()
    assert "Waiting to be read" in browser.get(url).content.decode()

    with enter(member.workspace):
        Document.objects.filter(id=document.id).update(state="parsing", progress=40)
    page = browser.get(url).content.decode()
    assert 'value="40"' in page and "hx-get" in page

    with enter(member.workspace):
        Document.objects.filter(id=document.id).update(state="ready")
    page = browser.get(url).content.decode()
    assert "Ready" in page and "hx-get" not in page


def test_where_a_file_goes_is_chosen_and_a_foreign_project_is_no_choice(member, owner):
    with enter(member.workspace):
        mine = shelf.make_project(owner, member)
        foreign = shelf.make_project(owner)
    browser = member.browser()

    for place in ("shared", str(mine.id), ""):
        answer = browser.post(LIST, {"files": files.upload(f"{place or 'own'}.txt", b"x"), "place": place})
        assert answer.status_code == 302
    assert set(names(owner)) == {"shared.txt", f"{mine.id}.txt"}

    for place in (str(foreign.id), "made-up"):
        answer = browser.post(LIST, {"files": files.upload("z.txt", b"x"), "place": place})
        assert answer.status_code == 404
    assert "z.txt" not in names(member)


def test_a_viewer_reads_and_uploads_nothing(viewer, member):
    keep(member, name="shared.txt", is_shared=True)
    browser = viewer.browser()

    assert "shared.txt" in browser.get(LIST).content.decode()
    assert 'type="file"' not in browser.get(LIST).content.decode()
    assert browser.post(LIST, {"files": files.upload("a.txt", b"x")}).status_code == 403


def test_a_citation_leads_to_its_passage_on_the_page(member):
    with enter(member.workspace):
        document = shelf.keep(member.member, "Passage 1")
        for number in range(2, 100):
            DocumentChunk.objects.create(
                document=document, number=number, page=number, text=f"Passage {number}", tokens=2
            )
        cited = document.chunks.get(number=60)
    browser = member.browser()

    page = browser.get(f"{LIST}{document.id}/passages/{cited.id}/").content.decode()

    shown = re.findall(r'<article class="(passage[^"]*)" id="passage-([^"]+)"', page)
    assert [mark for mark, _ in shown].count("passage passage-shown") == 1
    assert ("passage passage-shown", str(cited.id)) in shown
    assert page.index("Passage 57<") < page.index("Page 60") < page.index("Passage 96<")
    first = browser.get(f"{LIST}{document.id}/").content.decode()
    assert "Passage 40<" in first and "Passage 41<" not in first and "?from=41" in first


def test_a_passage_that_is_gone_says_so_and_leads_to_the_document(member):
    document = keep(member)
    with enter(member.workspace):
        passage = document.chunks.get()
        document.chunks.all().delete()

    answer = member.browser().get(f"{LIST}{document.id}/passages/{passage.id}/")

    assert (answer.status_code, answer.context["code"]) == (404, "passage_gone")
    assert f"{LIST}{document.id}/" in answer.content.decode()


def test_a_file_comes_back_as_it_was_and_is_never_shown_as_a_page(member):
    with enter(member.workspace):
        document = shelf.upload(member.member, b"<html><script>x()</script>", "page.html")

    answer = member.browser().get(f"{LIST}{document.id}/file/")

    assert answer.getvalue() == b"<html><script>x()</script>"
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="page.html"'
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_text_of_a_document_is_text_on_the_page(member):
    document = keep(member, "<img src=x onerror=x()> & <b>bold</b>", name="a.txt")
    page = member.browser().get(f"{LIST}{document.id}/").content.decode()

    assert "&lt;img src=x onerror=x()&gt; &amp; &lt;b&gt;bold&lt;/b&gt;" in page
    assert "<img" not in page


def test_replacing_sharing_and_deleting_by_its_owner(member, django_capture_on_commit_callbacks):
    document = keep(member, name="leave.txt")
    browser, url = member.browser(), f"{LIST}{document.id}/"

    refused = browser.post(f"{url}replace/", {"file": files.upload("a.pdf", b"no")})
    assert (refused.status_code, "not what its name says" in refused.content.decode()) == (422, True)
    assert browser.post(f"{url}replace/", {"file": files.upload("leave.txt", b"32 days.")}).status_code == 302
    assert browser.post(f"{url}share/", {"is_shared": "on"}).status_code == 302
    with enter(member.workspace):
        row = Document.objects.get(id=document.id)
    assert (row.version, row.state, row.is_shared) == (2, "uploaded", True)

    assert "erased" in browser.get(f"{url}delete/").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        assert browser.post(f"{url}delete/").status_code == 302
    assert names(member) == []
    assert not default_storage.exists(row.file)


def test_lists_and_pages_cost_the_same_for_two_and_for_fifty(member):
    browser = member.browser()
    browser.get(LIST)
    counts = []
    for number in (2, 48):
        for one in range(number):
            keep(member, name=f"{number}-{one}.txt")
        counts.append(_count(browser, LIST))
    assert counts[0] == counts[1] <= 30

    page = browser.get(f"{LIST}?after=nonsense")
    assert page.status_code == 200 and len(page.context["rows"]) == 50
    keep(member, name="51.txt")
    page = browser.get(LIST)
    following = browser.get(page.context["next_url"])
    assert [row.name for row in following.context["rows"]] == ["2-0.txt"]
    assert following.context["next_url"] == ""


def _count(browser, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return len(captured)


def test_an_answer_s_citations_are_links_and_its_sources_are_listed(member):
    with enter(member.workspace):
        document = shelf.keep(member.member, "Everybody has 30 days of leave.")
        turn = factories.ask(member.member, "How many days?")
        run = factories.answer(turn.run, "30 days [1], not [2].")
        passage = document.chunks.get()
        used = {
            "kind": "passage",
            "id": str(passage.id),
            "n": 1,
            "document": str(document.id),
            "name": "leave.txt",
        }
        type(run).objects.filter(id=run.id).update(
            context={"used": [{**used, "page": 3, "heading": "Leave"}]}
        )

    page = member.browser().get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()

    url = f"{LIST}{document.id}/passages/{passage.id}/#passage-{passage.id}"
    assert f'<a class="citation" href="{url}" title="leave.txt, page 3">[1]</a>, not [2].' in page
    assert (
        f'<li value="1"><a href="{url}">leave.txt, page 3</a> <span class="muted">Leave</span></li>' in page
    )

    with enter(member.workspace):
        services.delete(member=member.member, document=document)
    page = member.browser().get(f"/w/acme/chat/{turn.conversation.id}/").content.decode()
    assert "A deleted document" in page and "leave.txt" not in page
