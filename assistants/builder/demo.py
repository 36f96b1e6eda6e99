"""Demo data of the builder: assistants from templates, one of them for chosen members, and one with versions."""

from django.conf import settings

from accounts.permissions import Member
from assistants.builder import services, templates
from assistants.models import Assistant

BETTER = (
    "You write release notes for customers: what changed for them, in plain words, no jargon.\n"
    "- One line for each change, the most useful first.\n"
    "- Say what they can do now, never what we did.\n"
    "- Leave out what nobody outside will notice."
)


def furnish(members: list[Member], release_notes: Assistant) -> None:
    """In the workspace. The first of `members` makes them."""
    maker, others = members[0], members[1:]
    _from_template(maker, "teaching")
    _from_template(
        maker, "career", visibility=Assistant.Visibility.MEMBERS, members=[each.user_id for each in others]
    )
    for changes in (
        {"instructions": BETTER},
        {"starters": ["Turn these merged changes into notes.", "Shorten these notes to three lines."]},
    ):
        services.edit_assistant(member=maker, assistant=release_notes, changes=changes)


def _from_template(member: Member, key: str, **fields: object) -> None:
    said = {name: value for name, value in templates.get(key).initial.items() if name != "template"}
    services.create_assistant(
        member=member,
        model=settings.CHAT_MODELS[0],
        template=key,
        **said,
        **fields,  # type: ignore[arg-type]
    )
