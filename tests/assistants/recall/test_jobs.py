"""The jobs that make vectors: hourly, in every workspace, stopped by nobody's limits but their own."""

from uuid import UUID, uuid4

import pytest
from django.core.management import call_command

from assistants.llm.errors import ProviderFailure
from assistants.models import Run
from assistants.recall import embedding, services, tasks, vectors
from assistants.recall.kinds import SOURCES
from config import errors
from tests.assistants.recall.axes import keep

MEMORY = SOURCES["memory"]


class Refused(errors.DomainError):
    code = "quota_exceeded"
    status = 429
    message = "No."


def test_one_persons_limits_do_not_hinder_the_others(axes, member, owner, priced, monkeypatch):
    for person in (member, owner):
        keep(person.user.id, "one cat", "two cats")
    embed = embedding.embed_texts

    def refuse_member(**asked):
        if asked["member"].user_id == member.user.id:
            raise Refused
        return embed(**asked)

    monkeypatch.setattr(embedding, "embed_texts", refuse_member)
    with pytest.raises(Refused):
        services.embed_missing(kind="memory")
    assert services.progress(kind="memory") == (2, 4)
    monkeypatch.setattr(embedding, "embed_texts", embed)
    assert services.embed_missing(kind="memory") == 2, "later theirs are made too"


def test_what_belongs_to_nobody_or_to_somebody_who_left_is_the_owners(axes, owner, priced):
    keep(uuid4(), "one cat")
    assert services.embed_missing(kind="memory") == 1
    assert Run.objects.get().owner_id == owner.user.id


def test_one_job_at_a_time(axes, member, priced, monkeypatch):
    keep(member.user.id, "one cat")
    with monkeypatch.context() as patch:
        patch.setattr(vectors, "alone", lambda source: _taken())
        assert services.embed_missing(kind="memory") == 0
    assert axes.calls == []
    assert services.embed_missing(kind="memory") == 1


class _taken:
    def __enter__(self) -> bool:
        return False

    def __exit__(self, *_: object) -> None: ...


def test_every_hour_each_workspace_has_a_job_and_none_without_a_model(
    axes, acme, globex, settings, monkeypatch
):
    woken = []
    monkeypatch.setattr(tasks.embed_missing_in, "delay", lambda **ids: woken.append(ids["workspace_id"]))
    tasks.embed_missing()
    assert {str(acme.id), str(globex.id)} <= set(woken)
    woken.clear()
    settings.EMBEDDING_MODEL = ""
    tasks.embed_missing()
    assert woken == []


def test_a_job_leaves_to_the_next_hour_what_a_provider_does_not_give(axes, acme, member, priced):
    keep(member.user.id, "one cat")
    axes.failure = ProviderFailure("provider_busy", retryable=True)
    tasks.embed_missing_in(workspace_id=str(acme.id))
    assert services.progress(kind="memory") == (0, 1)
    axes.failure = None
    tasks.embed_missing_in(workspace_id=str(acme.id))
    assert services.progress(kind="memory") == (1, 1)


def test_rows_of_a_task_are_tried_again(axes, acme, member, priced, monkeypatch):
    (item,) = keep(member.user.id, "one cat")
    axes.failure = ProviderFailure("provider_busy", retryable=True)
    waits = []

    class Again(Exception):
        pass

    def retry(*, countdown, exc):
        waits.append((countdown, exc.code))
        return Again()

    monkeypatch.setattr(tasks.embed_rows, "retry", retry)
    with pytest.raises(Again):
        tasks.embed_rows(workspace_id=str(acme.id), kind="memory", ids=[str(item.id)])
    assert waits == [(60, "provider_busy")]
    axes.failure = None
    tasks.embed_rows(workspace_id=str(acme.id), kind="memory", ids=[str(item.id)])
    assert services.progress(kind="memory") == (1, 1)


def test_the_command_says_how_far_it_is(axes, acme, member, priced, capsys):
    keep(member.user.id, "one cat", "two cats")
    slug = acme.slug
    call_command("embed_missing", workspace=slug, status=True)
    call_command("embed_missing", workspace=slug)
    call_command("embed_missing", workspace=slug, status=True)
    told = capsys.readouterr().out.splitlines()
    assert f"{slug}: memory 0 of 2" in told
    assert f"{slug}: 2 done, 0 left" in told
    assert f"{slug}: memory 2 of 2" in told


def test_a_question_asked_twice_is_embedded_once_and_for_each_person_anew(axes, member, owner, priced):
    keep(member.user.id, "one cat")
    services.embed_missing(kind="memory")
    calls = len(axes.calls)
    first = embedding.embed_query(member=member.member, text="pet", kind="memory")
    assert embedding.embed_query(member=member.member, text="pet", kind="memory") == first
    assert len(axes.calls) == calls + 1
    embedding.embed_query(member=owner.member, text="pet", kind="memory")
    embedding.embed_query(member=member.member, text="pets", kind="memory")
    assert len(axes.calls) == calls + 3
    assert UUID(str(Run.objects.order_by("-created_at").first().owner_id)) == member.user.id
