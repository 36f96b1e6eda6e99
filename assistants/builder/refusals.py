"""Why an assistant cannot be as asked."""

from config import errors


class AssistantRefused(errors.DomainError):
    """`data`: field."""

    code = "assistant_refused"
    status = 422


class EditedMeanwhile(errors.DomainError):
    """`data`: latest, the number that was saved meanwhile."""

    code = "assistant_edited_meanwhile"
    status = 409


class SharingRefused(errors.DomainError):
    code = "sharing_refused"
    status = 403
    message = "Only who made this assistant, or an admin, can change who may use it."


class AssistantArchived(errors.DomainError):
    code = "assistant_archived"
    status = 409
    message = "This assistant is archived: what was said can be read. Ask another one, or take it out of the archive."


class AssistantWithdrawn(errors.DomainError):
    code = "assistant_withdrawn"
    status = 403
    message = "This assistant is not shared with you any more: what was said can be read. Ask another one."


def about(field: str, message: str) -> AssistantRefused:
    return AssistantRefused(message, data={"field": field})
