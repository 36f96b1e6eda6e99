"""Nobody learns which workspaces exist: an unknown slug and somebody else's answer alike."""

import re

import pytest

from tests import factories

RANDOM = re.compile(rb'(csrfmiddlewaretoken" value="|<code>)[^"<]+')


def answer(client, path: str, slug: str, **headers):
    """Status, headers and body, with the slug and what is random per request blotted out."""
    response = client.get(path, headers=headers)
    body = RANDOM.sub(rb"\1", response.content).replace(slug.encode(), b"SLUG")
    skip = {"X-Request-Id", "Content-Length"}
    kept = {name: value.replace(slug, "SLUG") for name, value in response.items() if name not in skip}
    return response.status_code, kept, body


PAGES = ["/w/{}/", "/w/{}/chat/", "/w/{}/assistants/new/", "/w/{}/nothing/", "/w/{}"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ["nobody", "member"])
def test_unknown_and_foreign_workspace_answer_alike(db, member, globex, page, who):
    client = member.browser() if who == "member" else factories.browser()
    foreign, unknown = (answer(client, page.format(slug), slug) for slug in ("globex", "qwertz"))
    assert foreign == unknown
    assert foreign[0] in ((404, 301) if who == "member" else (302, 301))


@pytest.mark.parametrize("page", ["/w/{}/", "/w/{}/chat/"])
def test_own_workspace_answers_otherwise(db, member, page):
    """The control: the comparison does tell pages apart."""
    own, unknown = (answer(member.browser(), page.format(slug), slug) for slug in ("acme", "qwertz"))
    assert own[0] == 200
    assert own != unknown


@pytest.mark.parametrize("slug", ["GLOBEX", "globex%00", "..%2fglobex", "globex.", "-", "a" * 41, "glob_ex"])
def test_odd_slugs_answer_like_unknown_ones(db, member, globex, slug):
    assert member.browser().get(f"/w/{slug}/").status_code == 404
    assert factories.browser().get(f"/w/{slug}/").status_code == 302


def test_named_workspace_of_the_api_answers_alike(db, member, globex):
    client = member.browser()
    unknown = answer(client, "/api/v1/assistants", "qwertz", **{"X-Workspace": "qwertz"})
    names = ("globex", str(globex.id), "00000000-0000-4000-8000-000000000000")
    for name in names:
        status, headers, body = answer(client, "/api/v1/assistants", name, **{"X-Workspace": name})
        assert (status, headers) == (unknown[0], unknown[1])
        assert re.sub(rb'"request_id": ?"\w+"', b"", body) == re.sub(
            rb'"request_id": ?"\w+"', b"", unknown[2]
        )
    assert unknown[0] == 404
