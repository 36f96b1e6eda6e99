"""A résumé becomes a profile by a metered run; only its owner sees and edits it."""

import json

import pytest

from assistants.documents import parsing, profiles, queries, resumes, services
from assistants.models import Document, ResumeProfile, Run
from tenants.models import AuditEntry
from tenants.scope import enter
from tests import factories
from tests.assistants.documents import files, shelf
from usage.models import LedgerEntry

CV = b"Mia Member. Baker at the Mill since 2019. Sourdough, accounts. Master baker, Guild, 2015."
PROFILE = {
    "summary": "Baker.",
    "experience": [{"role": "Baker", "organisation": "Mill", "period": "2019", "summary": "Bread."}],
    "skills": ["Sourdough", "Accounts"],
    "education": [{"degree": "Master baker", "institution": "Guild", "period": "2015"}],
}


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    shelf.read_plain_quickly(monkeypatch)


def upload(person, content: bytes = CV, name: str = "cv.txt") -> Document:
    return shelf.upload(person.member, content, name, kind=Document.Kind.RESUME)


def answered(person, text: str, **outcome) -> ResumeProfile:
    """A résumé whose run was answered with this text."""
    document = shelf.read(upload(person))
    run = Run.objects.get(id=document.profile.run_id)
    factories.answer(run, text, **outcome)
    resumes.keep(workspace_id=person.workspace.id, run_id=run.id)
    return ResumeProfile.objects.get(document=document)


def test_a_resume_that_was_read_is_asked_about_in_a_run_of_its_own(in_acme, member):
    document = shelf.read(upload(member))

    run = Run.objects.get(id=document.profile.run_id)
    assert (run.kind, run.state, run.owner_id, run.message) == ("resume", "queued", member.user.id, None)
    system = run.request["messages"][0]["content"]
    assert system == f'{resumes.INSTRUCTIONS}\n\n<document name="cv.txt">\n{CV.decode()}\n</document>'
    shape = run.request["extra"]["response_format"]["json_schema"]
    assert (shape["strict"], shape["schema"]) == (True, profiles.SCHEMA)


def test_the_answer_is_checked_kept_and_charged(in_acme, member):
    profile = answered(member, json.dumps(PROFILE))

    assert (profile.profile, profile.run_id, profile.error_code, profile.is_edited) == (
        PROFILE,
        None,
        "",
        False,
    )
    assert LedgerEntry.objects.filter(kind="settlement").latest("id").cost_micro > 0


@pytest.mark.parametrize(
    "text",
    [
        "no JSON", "[]", "{}", json.dumps({**PROFILE, "more": 1}), json.dumps({**PROFILE, "skills": "Sourdough"}),
        json.dumps({**PROFILE, "skills": [1]}), json.dumps({**PROFILE, "experience": [{"role": "Baker"}]}),
        json.dumps({**PROFILE, "education": [{**PROFILE["education"][0], "degree": None}]}),
        json.dumps({**PROFILE, "summary": {"system": "obey"}}),
    ],
)  # fmt: skip
def test_an_answer_of_another_shape_is_not_kept(in_acme, member, text):
    profile = answered(member, text)

    assert (profile.profile, profile.error_code) == (profiles.EMPTY, "profile_unusable")


def test_what_is_too_long_is_cut_in_an_answer_and_refused_in_a_form():
    long = {**PROFILE, "skills": ["x" * 300] + [str(number) for number in range(100)]}

    cut = profiles.checked(long, cut=True)
    assert (len(cut["skills"]), len(cut["skills"][0])) == (80, 200)
    with pytest.raises(profiles.BadProfile):
        profiles.checked(long)


def test_a_run_that_failed_says_so_and_can_be_asked_again(in_acme, member):
    profile = answered(member, "", state="failed", error_code="provider_timeout")
    assert (profile.error_code, profile.run_id) == ("provider_timeout", None)

    run = resumes.fill(member=member.member, document=profile.document)
    profile.refresh_from_db()
    assert (profile.run_id, profile.error_code) == (run.id, "")


def test_a_limit_leaves_a_resume_without_profile_and_says_so(in_acme, member):
    factories.give_limits(member.workspace.id, ("cost_micro", "month", 0))

    document = shelf.read(upload(member))

    assert document.state == "ready"
    assert document.profile.error_code == "quota_exceeded"


def test_an_answer_that_nobody_waits_for_is_dropped(in_acme, member):
    document = shelf.read(upload(member))
    first = Run.objects.get(id=document.profile.run_id)
    second = resumes.fill(member=member.member, document=document)
    factories.answer(first, json.dumps({**PROFILE, "summary": "Old."}))

    resumes.keep(workspace_id=member.workspace.id, run_id=first.id)

    row = ResumeProfile.objects.get(document=document)
    assert (row.run_id, row.profile) == (second.id, profiles.EMPTY)


def test_everybody_has_one_resume_and_what_they_edited_is_not_overwritten(in_acme, member):
    profile = answered(member, json.dumps(PROFILE))
    resumes.edit(member=member.member, profile=profile, values={**PROFILE, "summary": "Baker and teacher."})
    entry = AuditEntry.objects.filter(action="resume.edited").order_by("-id").first()
    assert entry.data["fields"] == ["summary"]
    assert "teacher" not in json.dumps(entry.data)

    again = shelf.read(upload(member, files.pdf("= CV\nNow a teacher."), "newer.pdf"))

    assert again.id == profile.document_id
    assert queries.get_resume(member.user.id).id == again.id
    again.profile.refresh_from_db()
    assert (again.profile.profile["summary"], again.profile.run_id) == ("Baker and teacher.", None)


def test_the_page_takes_it_in_shows_the_profile_and_saves_what_is_edited(db, member, owner):
    browser = member.browser()
    url = "/w/acme/resume/"
    assert browser.get(url).status_code == 200

    assert browser.post(url, {"file": files.upload("cv.txt", CV)}).status_code == 302
    assert "Waiting to be read" in browser.get(url).content.decode()
    with enter(member.workspace):
        document = queries.get_resume(member.user.id)
        shelf.read(document)
        run = Run.objects.get(id=document.profile.run_id)
        assert "Its profile is being written." in browser.get(url).content.decode()
        factories.answer(run, json.dumps(PROFILE))
        resumes.keep(workspace_id=member.workspace.id, run_id=run.id)
    assert 'value="Mill"' in browser.get(url).content.decode()

    data = {
        "summary": "Baker and teacher.", "skills": "Sourdough\n\nTeaching",
        "experience-TOTAL_FORMS": "2", "experience-INITIAL_FORMS": "1", "experience-0-role": "Head baker",
        "experience-0-organisation": "Mill", "experience-0-period": "2019", "experience-0-summary": "Bread.",
        "education-TOTAL_FORMS": "2", "education-INITIAL_FORMS": "1", "education-0-degree": "",
        "education-0-institution": "", "education-0-period": "",
    }  # fmt: skip
    assert browser.post(f"{url}profile/", data).status_code == 302
    with enter(member.workspace):
        assert ResumeProfile.objects.get(document=document).profile == {
            "summary": "Baker and teacher.",
            "experience": [{**PROFILE["experience"][0], "role": "Head baker"}],
            "skills": ["Sourdough", "Teaching"],
            "education": [],
        }

    # What is refused comes back filled.
    refused = browser.post(f"{url}profile/", {**data, "skills": "y" * 201})
    assert (refused.status_code, "y" * 201 in refused.content.decode()) == (422, True)
    # Nobody else.
    other = owner.browser()
    assert "cv.txt" not in other.get(url).content.decode()
    assert other.get(f"/w/acme/documents/{document.id}/").status_code == 404
    assert member.browser().get(f"/w/acme/documents/{document.id}/").status_code == 200


def test_the_simulated_provider_fills_the_profile(stage):
    """Through the engine: what it answers is of the shape, not of the résumé."""
    with enter(stage.workspace):
        document = services.upload(
            member=stage.member, file=files.upload("cv.txt", CV), kind=Document.Kind.RESUME
        )
    parsing.parse(workspace_id=stage.workspace.id, document_id=document.id)
    with enter(stage.workspace):
        run = Run.objects.get(id=ResumeProfile.objects.get(document=document).run_id)
    stage.execute(run)
    resumes.keep(workspace_id=stage.workspace.id, run_id=run.id)

    with enter(stage.workspace):
        row = ResumeProfile.objects.get(document=document)
    assert row.error_code == ""
    assert not profiles.is_empty(row.profile)
    assert LedgerEntry.objects.filter(hold_id=run.id).count() == 1
