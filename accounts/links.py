from typing import Any

from accounts.requests import MemberRequest
from tenants import links


def page_url(request: MemberRequest, name: str, **kwargs: Any) -> str:
    """The path of a page of the request's workspace, on the host that the request came to."""
    own = getattr(request, "urlconf", None) == "config.domain_urls"
    return links.workspace_url(request.workspace, name, on_own_domain=own, **kwargs)
