"""Every save is a version: kept, compared, restored, pinned."""

from decimal import Decimal

import pytest

from assistants.builder import content, queries, rules, services
from assistants.builder.refusals import AssistantArchived, AssistantRefused, EditedMeanwhile
from assistants.models import Assistant, AssistantVersion
from config import errors
from tenants.models import AuditEntry
from tenants.scope import enter, workspace_scope
from tests import factories
from tests.assistants.builder import papers
from tests.usage.crowds import crowd


@pytest.fixture
def made(in_acme, owner) -> Assistant:
    return factories.make_assistant(owner.member, "Notary", instructions="One.")


def edit(owner, assistant, **changes) -> Assistant:
    services.edit_assistant(member=owner.member, assistant=assistant, changes=changes)
    return Assistant.objects.get(id=assistant.id)


def snapshots(assistant) -> dict[int, dict]:
    return dict(assistant.versions.order_by("number").values_list("number", "snapshot"))


def test_making_is_the_first_version_and_each_save_the_next(made, owner):
    edit(owner, made, instructions="Two.", temperature=Decimal("0.3"))
    edit(owner, made, starters=["Hello?"])
    kept = snapshots(made)
    assert [kept[n]["instructions"] for n in (1, 2, 3)] == ["One.", "Two.", "Two."]
    assert [kept[n]["temperature"] for n in (1, 2)] == ["0.70", "0.30"]
    assert content.differences(kept[2], kept[3]) == ["starters"]
    assert set(kept[3]) == {*content.NAMES, "visibility"}
    assert list(made.versions.values_list("created_by_id", flat=True).distinct()) == [owner.user.id]


def test_every_field_survives_its_snapshot(in_acme, owner):
    full = factories.make_assistant(
        owner.member, "Full", description="d", instructions="i", fallback_models=["gpt-4o"], tools=["clock"],
        starters=["s"], uses_memory=False, temperature=Decimal("1.25"), max_output_tokens=99,
        knowledge=[papers.make(owner.member).id],
    )  # fmt: skip
    saved = content.of_snapshot(full.versions.get().snapshot)
    row = Assistant.objects.get(id=full.id)
    assert saved == content.of_row(row, list(row.knowledge.values_list("document_id", flat=True)))


def test_save_that_changes_nothing_is_no_version(made, owner):
    edit(owner, made, instructions="One.", temperature=Decimal("0.7"))
    assert list(snapshots(made)) == [1]


def test_restoring_is_a_version_with_the_former_content(made, owner):
    edit(owner, made, instructions="Two.")
    version = services.restore_version(member=owner.member, assistant=made, number=1)
    now = Assistant.objects.get(id=made.id)
    assert (version.number, version.note, now.instructions) == (3, "Restored version 1", "One.")
    assert AuditEntry.objects.get(action="assistant.version_restored").data == {"version": 1}


def test_pinned_version_is_in_use_whatever_is_saved(made, owner):
    edit(owner, made, instructions="Two.")
    services.pin_version(member=owner.member, assistant=made, number=1)
    now = edit(owner, made, instructions="Three.")
    assert (now.instructions, now.pinned_number) == ("One.", 1)
    assert snapshots(made)[3]["instructions"] == "Three."
    services.restore_version(member=owner.member, assistant=made, number=2)
    assert Assistant.objects.get(id=made.id).instructions == "One."
    services.unpin_version(member=owner.member, assistant=made)
    now = Assistant.objects.get(id=made.id)
    assert (now.instructions, now.pinned_number) == ("Two.", None), "the last save, which restored the second"


def test_edit_while_pinned_goes_on_from_the_last_save(made, owner):
    edit(owner, made, instructions="Two.")
    services.pin_version(member=owner.member, assistant=made, number=1)
    edit(owner, made, description="Changed only this.")
    assert snapshots(made)[3]["instructions"] == "Two."


def test_version_of_nobody_is_not_found(made, owner):
    for change in (services.restore_version, services.pin_version):
        with pytest.raises(errors.NotFound):
            change(member=owner.member, assistant=made, number=7)


def test_who_saved_second_is_told_and_loses_nothing(made, owner):
    edit(owner, made, instructions="By a colleague.")
    with pytest.raises(EditedMeanwhile) as refused:
        services.edit_assistant(
            member=owner.member, assistant=made, changes={"instructions": "Mine."}, base=1
        )
    assert (refused.value.status, refused.value.data) == (409, {"latest": 2})
    services.edit_assistant(member=owner.member, assistant=made, changes={"instructions": "Mine."}, base=2)
    assert [kept["instructions"] for kept in snapshots(made).values()] == ["One.", "By a colleague.", "Mine."]


def test_assistant_from_before_there_were_versions_keeps_what_it_was(made, owner):
    AssistantVersion.objects.all().delete()
    edit(owner, made, instructions="Two.")
    assert [kept["instructions"] for kept in snapshots(made).values()] == ["One.", "Two."]


def test_archived_assistant_is_not_changed(made, owner):
    services.archive_assistant(member=owner.member, assistant=made)
    for change in (
        lambda: edit(owner, made, instructions="Two."),
        lambda: services.restore_version(member=owner.member, assistant=made, number=1),
        lambda: services.pin_version(member=owner.member, assistant=made, number=1),
    ):
        with pytest.raises(AssistantArchived):
            change()
    assert list(snapshots(made)) == [1]


# what a version must not bring back


def test_bringing_back_a_version_never_changes_who_may_use_it(made, owner, member):
    """Shared with all in version 1, kept private since."""
    edit(owner, made, visibility="person")
    services.restore_version(member=owner.member, assistant=made, number=1)
    services.pin_version(member=owner.member, assistant=made, number=1)
    assert Assistant.objects.get(id=made.id).visibility == "person"
    with pytest.raises(errors.NotFound):
        queries.access_assistant(member.member, made.id)


def test_document_that_its_owner_took_away_does_not_come_back_by_another_hand(made, owner, member):
    paper = papers.make(member.member)
    services.edit_assistant(member=member.member, assistant=made, changes={"knowledge": [paper.id]})
    services.edit_assistant(member=member.member, assistant=made, changes={"knowledge": []})
    services.restore_version(member=owner.member, assistant=made, number=2)
    assert made.knowledge.count() == 0
    # The control: by their own hand it does.
    services.restore_version(member=member.member, assistant=made, number=2)
    assert [row.document_id for row in made.knowledge.all()] == [paper.id]


def test_document_is_taken_away_at_once_also_from_a_pinned_version(made, owner, member):
    paper = papers.make(member.member)
    services.edit_assistant(member=member.member, assistant=made, changes={"knowledge": [paper.id]})
    services.pin_version(member=member.member, assistant=made, number=2)
    services.edit_assistant(member=member.member, assistant=made, changes={"knowledge": []})
    assert made.knowledge.count() == 0
    for change in (services.restore_version, services.pin_version):
        change(member=owner.member, assistant=made, number=2)
        assert made.knowledge.count() == 0


def test_document_saved_behind_a_pin_comes_into_use_by_any_hand(made, owner, member):
    paper = papers.make(member.member)
    services.pin_version(member=owner.member, assistant=made, number=1)
    services.edit_assistant(member=member.member, assistant=made, changes={"knowledge": [paper.id]})
    assert made.knowledge.count() == 0
    services.unpin_version(member=owner.member, assistant=made)
    assert [row.document_id for row in made.knowledge.all()] == [paper.id]


def test_save_by_a_colleague_keeps_what_they_cannot_see(made, owner, member):
    paper = papers.make(member.member)
    services.edit_assistant(member=member.member, assistant=made, changes={"knowledge": [paper.id]})
    edit(owner, made, knowledge=[], instructions="Two.")
    assert [row.document_id for row in made.knowledge.all()] == [paper.id]
    assert rules.count_unseen(owner.member, made) == 1


def test_nobody_attaches_what_is_not_theirs_to_give(made, owner, member):
    """A colleague's own file, a file of a project, a résumé; one shared with all is fine."""
    theirs = papers.make(member.member)
    of_project = papers.make(owner.member, project=papers.make_project(owner.member))
    resume = papers.make(owner.member, kind="resume")
    shared = papers.make(member.member, is_shared=True)
    edit(owner, made, knowledge=[theirs.id, of_project.id, resume.id, shared.id])
    assert [row.document_id for row in made.knowledge.all()] == [shared.id]


def test_deleted_document_is_left_out_when_its_version_comes_back(made, owner):
    paper = papers.make(owner.member)
    edit(owner, made, knowledge=[paper.id])
    edit(owner, made, knowledge=[])
    paper.delete()
    services.pin_version(member=owner.member, assistant=made, number=2)
    assert made.knowledge.count() == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fallback_models": ["gpt-4o-mini"]}, "fallback_models"),
        ({"fallback_models": ["gpt-4o", "gpt-4o"]}, "fallback_models"),
        ({"fallback_models": ["a", "b", "c"]}, "fallback_models"),
        ({"tools": ["shell"]}, "tools"),
        ({"starters": ["x"] * 7}, "starters"),
        ({"starters": [" "]}, "starters"),
        ({"starters": ["x" * 201]}, "starters"),
    ],
)
def test_content_that_cannot_be_is_refused_by_its_field(made, owner, changes, field):
    with pytest.raises(AssistantRefused) as refused:
        edit(owner, made, **changes)
    assert (refused.value.status, refused.value.data) == (422, {"field": field})
    assert list(snapshots(made)) == [1]


def test_saves_at_once_are_numbered_one_after_the_other(committed):
    user = factories.make_user()
    workspace = factories.make_workspace(user)
    member = factories.member_of(workspace, user)
    with workspace_scope(workspace.id):
        made = factories.make_assistant(member, "Busy")

    def save(number: int) -> None:
        with workspace_scope(workspace.id):
            services.edit_assistant(member=member, assistant=made, changes={"instructions": f"{number}"})

    crowd(6, save)
    with enter(workspace):
        kept = snapshots(made)
        assert list(kept) == [1, 2, 3, 4, 5, 6, 7]
        assert {kept[n]["instructions"] for n in range(2, 8)} == {"0", "1", "2", "3", "4", "5"}
        assert Assistant.objects.get(id=made.id).instructions == kept[7]["instructions"]
