"""What cannot be done with one's data, and what to do instead."""

from config import errors


class ExportRunning(errors.DomainError):
    code = "export_running"
    status = 409
    message = "An export is being made already. It will be here when it is ready."


class ExportGone(errors.NotFound):
    code = "export_gone"
    message = "This export is not here any more. Request a new one."


class ErasureRunning(errors.DomainError):
    code = "erasure_running"
    status = 409
    message = "This account is being deleted already."


class ConfirmationWrong(errors.DomainError):
    code = "confirmation_wrong"
    status = 422
    message = "That is not your e-mail address. Type it as it stands above; nothing was deleted."


class OwnerMustHandOver(errors.DomainError):
    """`data["workspaces"]`: their names."""

    code = "owner_must_hand_over"
    status = 409
    message = "You are the only owner of a workspace that others work in. Hand it over or delete it first."
