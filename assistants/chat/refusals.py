"""Why a question, an answer or a thumb is not taken."""

from config import errors

MAX_TEXT = 100_000
MAX_COMMENT = 1_000


class EmptyMessage(errors.DomainError):
    code = "message_empty"
    status = 422
    message = "Write something first."


class MessageTooLong(errors.DomainError):
    code = "message_too_long"
    status = 422
    message = f"A message can have {MAX_TEXT:,} characters at most. Your text is kept in the box."


class AnswerRunning(errors.DomainError):
    code = "answer_running"
    status = 409
    message = "An answer is still being written. Stop it or wait for its end."


class ParentGone(errors.NotFound):
    code = "parent_gone"
    message = "The answer you reply to is gone. Reload the page."


class CommentTooLong(errors.DomainError):
    code = "comment_too_long"
    status = 422
    message = f"A comment can have {MAX_COMMENT:,} characters at most."


class NothingToRetry(errors.DomainError):
    code = "nothing_to_retry"
    status = 409
    message = "This answer did not fail."
