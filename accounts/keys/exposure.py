"""API keys in addresses: servers, proxies and browsers write addresses down, so a key there is a leaked key."""

from urllib.parse import unquote

from django.http import HttpRequest, HttpResponse

from accounts import api_keys
from accounts.keys import services
from config import errors, masking
from config.middleware import Handler

DEEPEST = 3
"""How often an address may be encoded over."""


class KeyInUrl(errors.DomainError):
    code = "key_in_url"
    status = 400
    message = (
        "This address holds an API key, and addresses are written down in many places: rotate or revoke the key, "
        "and send it in the header Authorization."
    )


def refuse_keys_in_urls(get_response: Handler) -> Handler:
    def middleware(request: HttpRequest) -> HttpResponse:
        found = _spellings(f"{request.path_info} {request.META.get('QUERY_STRING', '')}")
        if not any(masking.holds_key(text) for text in found):
            return get_response(request)
        for text in {match[0] for spelling in found for match in api_keys.SHAPE.finditer(spelling)}:
            services.note_exposure(text)
        _forget(request)
        return errors.render(request, KeyInUrl())

    return middleware


def _spellings(address: str) -> list[str]:
    found = [address]
    while len(found) <= DEEPEST and "%" in found[-1]:
        found.append(unquote(found[-1]))
    return found


def _forget(request: HttpRequest) -> None:
    """Whatever renders or logs this request from here on sees the masked address."""
    is_api = request.path_info.startswith(("/api/", "/v1/"))
    kept = "/" + request.path_info.split("/")[1] + "/" if is_api else "/"
    request.path = request.path_info = kept
    request.META["PATH_INFO"], request.META["QUERY_STRING"] = kept, ""
