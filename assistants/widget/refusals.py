"""Why a visitor is not served, in words that tell nothing of the workspace behind."""

from config import errors


class WidgetGone(errors.NotFound):
    code = "widget_gone"
    message = "This chat is not there: it was switched off, or never existed."


class ForeignSite(errors.DomainError):
    code = "foreign_site"
    status = 403
    message = "This chat can only be used from inside its own frame."


class VisitorUnknown(errors.DomainError):
    code = "visitor_unknown"
    status = 401
    message = "This chat does not know you any more. Reload the page."


class TooQuick(errors.DomainError):
    """`data`: retry_after_s."""

    code = "rate_limited"
    status = 429
    message = "That was too quick. Try again in a moment."


class UsedUp(errors.DomainError):
    """`data`: resets_at, whose."""

    code = "quota_exceeded"
    status = 402


class NotServed(errors.DomainError):
    code = "widget_unavailable"
    status = 503
    message = "This chat cannot answer at the moment."


class SitesRefused(errors.DomainError):
    code = "sites_refused"
    status = 422
