"""One delivery over HTTP."""

import http.client
import urllib.error
import urllib.request

TIMEOUT_S = 10


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other that is not 2xx: Stripe does not follow it either."""

    def redirect_request(self, *_: object) -> None:
        return None


# No proxy of the environment: the receiver is this installation.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


def post(url: str, body: bytes, headers: dict[str, str], *, timeout_s: int = TIMEOUT_S) -> int:
    """The status of the answer; 0 when there was none."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310  BASE_URL is http(s)
    try:
        with _opener.open(request, timeout=timeout_s) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return 0
