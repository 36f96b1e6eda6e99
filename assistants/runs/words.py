"""What people read when a run did not end well: by error code, with what to do. The same words in page and API."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    title: str
    message: str
    action: str | None = None


RETRY = "retry"
WAIT = "wait"
SETTINGS = "settings"
USAGE = "usage"

BY_CODE = {
    "provider_busy": Words(
        "The model is busy", "The provider asked us to wait. Try again in a moment.", WAIT
    ),
    "provider_unavailable": Words(
        "The model did not answer", "The provider had a fault. Nothing is lost: try again.", RETRY
    ),
    "provider_unreachable": Words(
        "The model cannot be reached", "The provider did not take our call. Try again.", RETRY
    ),
    "provider_timeout": Words("The model took too long", "No answer came in time. Try again.", RETRY),
    "provider_cut": Words(
        "The answer was cut off", "The connection to the model broke. What arrived is kept.", RETRY
    ),
    "provider_protocol": Words(
        "The model's answer was unreadable", "The provider sent something we cannot read.", RETRY
    ),
    "provider_key_refused": Words(
        "The model provider refused our key", "An administrator needs to check the provider's key.", SETTINGS
    ),
    "provider_out_of_credit": Words(
        "The provider account is out of credit",
        "An administrator needs to top up the provider account.",
        SETTINGS,
    ),
    "provider_model_missing": Words(
        "This model does not exist", "Choose another model in the assistant's settings.", SETTINGS
    ),
    "provider_refused_request": Words(
        "The model refused this request", "It may be too long or hold something the model cannot take.", None
    ),
    "provider_error": Words("The model failed", "The provider answered with an error we do not know.", RETRY),
    "provider_host_refused": Words(
        "The model's server may not be called",
        "Its address is not on the open internet. An administrator needs to check the provider.",
        SETTINGS,
    ),
    "provider_key_unreadable": Words(
        "The provider's key cannot be opened", "An administrator must enter it again.", SETTINGS
    ),
    "model_not_offered": Words(
        "This model is not offered any more", "Choose another model in the assistant's settings.", SETTINGS
    ),
    "run_stopped": Words("It was stopped", "Somebody stopped it before it was made.", RETRY),
    "answer_gone": Words(
        "The answer is not there any more", "It was made, and lost on its way to you.", RETRY
    ),
    "upload_gone": Words("The file is not there any more", "Send it again.", RETRY),
    "worker_lost": Words(
        "The answer was interrupted", "Our worker stopped. What arrived is kept; try again.", RETRY
    ),
    "deadline": Words(
        "The answer took too long", "It was ended at the time limit. What arrived is kept.", RETRY
    ),
    "emergency_stop": Words(
        "Model calls were stopped", "An administrator stopped model calls. Try again later.", WAIT
    ),
    "workspace_suspended": Words(
        "This workspace is suspended", "Its owner can write to support to resume it.", None
    ),
    "workspace_archived": Words(
        "This workspace is archived", "It can be read, and an owner can take it out again.", None
    ),
    "workspace_deleting": Words(
        "This workspace is going to be deleted", "Until then its owners can undo that.", None
    ),
    "workspace_restricted": Words(
        "This workspace is read-only", "A payment is overdue. It works again as soon as that is made.", None
    ),
    "access_ended": Words("Access has ended", "The person is no longer a member of this workspace.", None),
    "key_revoked": Words("The API key was revoked", "The key that asked for this was revoked.", None),
    "quota_busy": Words(
        "Others were first",
        "What is left was held by running answers all the time. Try again in a moment.",
        WAIT,
    ),
    "quota_exceeded": Words(
        "A limit is used up",
        "What was left went to answers that were asked for before. The usage page says more.",
        USAGE,
    ),
    "internal": Words(
        "Something went wrong on our side", "We have noted it. What arrived is kept; try again.", RETRY
    ),
}
NOTES = {
    "limit": "The answer ends here because a limit is used up. What arrived is kept.",
    "rounds": "The answer ends here because it used tools as often as one answer may.",
    "approval": "The answer goes on when you have decided.",
    "length": "The answer reached its longest length. Ask it to go on, or raise the assistant's limit.",
    "content_filter": "The provider's content filter ended this answer.",
    "refusal": "The model declined to answer.",
}
"""Said below an answer that ended well, by the provider's finish reason."""
DEFAULT = BY_CODE["provider_error"]


def of(code: str) -> Words:
    return BY_CODE.get(code, DEFAULT)
