"""What people read of a document's state, and why one could not be read."""

from assistants.models import Document

FAILURES = {
    "file_missing": "The file is gone from the storage. Upload it again.",
    "file_unreadable": "The file is damaged or incomplete. Save it again in the program that made it.",
    "file_encrypted": "The file is protected by a password. Save it without one and upload it again.",
    "file_unsafe": "The file is built in a way that could harm whoever opens it, so it was not read.",
    "type_not_allowed": "This kind of file is not read.",
    "no_text": "There is no text in it. A scan has to go through text recognition first.",
    "too_many_pages": "It has too many pages. Split it and upload the parts.",
    "too_much_text": "It holds more text than one document may. Split it and upload the parts.",
    "parser_memory": "Reading it takes more memory than one document may. Split it, or save it smaller.",
    "parser_timeout": "Reading it takes longer than one document may. Split it, or save it smaller.",
    "parser_killed": "Reading it was broken off several times. Try again, or save the file anew.",
    "parser_died": "Reading it failed. Save it again in the program that made it.",
}
STATES = {
    Document.State.UPLOADED: ("Waiting to be read", ""),
    Document.State.PARSING: ("Being read", "info"),
    Document.State.READY: ("Ready", "success"),
    Document.State.FAILED: ("Not readable", "danger"),
}
KINDS = {
    "application/pdf": "PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
    "text/csv": "CSV",
    "text/markdown": "Markdown",
    "text/html": "Web page",
    "text/plain": "Text",
}


def of_failure(code: str) -> str:
    return FAILURES.get(code, FAILURES["parser_died"])


def of_profile(code: str) -> str:
    """Why a résumé has no profile."""
    if code == "profile_unusable":
        return "The model’s answer was no profile. Try again, or fill it in yourself."
    if code in ("quota_exceeded", "quota_busy"):
        return (
            "A limit was reached when the profile was to be written. Try again later, or fill it in yourself."
        )
    return "The profile could not be written. Try again, or fill it in yourself."
