"""Demo data of lists: a pin, tags, a project with two people, a link to a copy."""

from accounts.permissions import Member
from assistants.library import services, sharing
from assistants.models import Conversation
from assistants.projects import services as projects

INSTRUCTIONS = (
    "We are preparing Steward 2.5. Write for customers who run it themselves, in short sentences."
    " Name the version whenever you speak of a change."
)
TAGS = {"How do I name": "postgresql, how-to", "Write a function": "python", "Summarise what": "billing"}


def make(members: list[Member]) -> None:
    """Inside the workspace; after each of the members has talked."""
    owner = members[0]
    mine = list(Conversation.objects.filter(owner_id=owner.user_id).order_by("created_at"))
    for row in mine:
        tags = next((tags for start, tags in TAGS.items() if row.title.startswith(start)), "")
        services.set_tags(conversation=row, text=tags)
    project = projects.create(
        member=owner, name="Release 2.5", description="Notes, questions and texts for the next version.",
        instructions=INSTRUCTIONS,
    )  # fmt: skip
    for colleague in members[1:]:
        projects.add_member(member=owner, project=project, user_id=colleague.user_id)
    if mine:
        services.set_pinned(conversation=mine[0], is_pinned=True)
        services.move(member=owner, conversation=mine[-1], project=project)
        sharing.share(member=owner, conversation=mine[0], days=365)
