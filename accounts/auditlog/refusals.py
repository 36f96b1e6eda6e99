"""What the audit log refuses."""

from config import errors


class FilterRefused(errors.DomainError):
    code = "audit_filter_refused"
    message = "This filter of the audit log makes no sense: check its person, group and dates, and choose csv or jsonl."
    status = 422
