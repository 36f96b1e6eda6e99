"""Why a file is not taken. Each says what to do; nothing of it was kept."""

from config import errors


class FileRefused(errors.DomainError):
    code = "file_refused"
    status = 422
    message = "This file cannot be used."


class FileEmpty(FileRefused):
    code = "file_empty"
    message = "This file is empty. Choose one that has something in it."


class FileTooLarge(FileRefused):
    code = "file_too_large"
    status = 413
    message = "This file is too large."


class TypeNotAllowed(FileRefused):
    code = "type_not_allowed"
    status = 415
    message = (
        "This kind of file is not read: PDF, Word, PowerPoint, Excel, CSV, Markdown, HTML, text and code are."
    )


class TypeDisagrees(FileRefused):
    """Its name says one thing, its content another."""

    code = "type_disagrees"
    status = 415
    message = "This file is not what its name says. Save it again in the program that made it."


class MacrosRefused(FileRefused):
    code = "macros_refused"
    status = 415
    message = "This file holds macros. Save it without them (as .docx, .pptx or .xlsx) and try again."


class UnreadableFile(FileRefused):
    code = "file_unreadable"
    message = "This file is damaged or incomplete. Save it again in the program that made it."


class EncryptedFile(FileRefused):
    code = "file_encrypted"
    message = "This file is protected by a password. Save it without one and try again."


class UnsafeFile(FileRefused):
    """Made to break what reads it. `data`: reason."""

    code = "file_unsafe"
    message = "This file is built in a way that could harm whoever opens it, so it is not read."

    def __init__(self, reason: str) -> None:
        super().__init__(data={"reason": reason})
