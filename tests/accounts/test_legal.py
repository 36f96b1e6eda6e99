"""Legal pages from files, what people accept, and what may be kept in their browsers."""

import re
import secrets
from pathlib import Path

import pytest
from django.template import engines
from django.urls import reverse

from accounts.legal import checks, cookies, documents, services, signup
from accounts.models import Consent, User
from config import errors, markdown
from tenants import sealing
from tenants.models import AuditEntry
from tests import factories
from tests.factories import PASSWORD

PAGE = '---\ntitle: Terms\nversion: "{version}"\ndate: 2027-03-01\n---\n\n## One\n\nText of {version}.\n'


@pytest.fixture
def folder(settings, tmp_path) -> Path:
    """An operator's own texts."""
    settings.LEGAL_DIR = tmp_path
    for slug in documents.SLUGS:
        (tmp_path / f"{slug}.md").write_text(PAGE.format(version="1"))
    return tmp_path


def change(folder: Path, slug: str, version: str) -> None:
    import os

    path = folder / f"{slug}.md"
    path.write_text(PAGE.format(version=version))
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000))


# pages


@pytest.mark.parametrize("slug", documents.SLUGS)
def test_default_text_has_version_and_date_and_says_that_it_is_a_template(db, slug):
    page = factories.browser().get(f"/legal/{slug}/").content.decode()
    assert "Version 1, " in page
    assert "<strong>A template.</strong>" in page
    assert "reviewed by a lawyer" in page
    assert len(re.findall(r"<h2>", page)) >= 2


def test_operators_own_text_is_shown_at_once(db, folder):
    client = factories.browser()
    assert "Text of 1." in client.get("/legal/terms/").content.decode()
    change(folder, "terms", "2027-1")
    page = client.get("/legal/terms/").content.decode()
    assert "Text of 2027-1." in page
    assert "Version 2027-1, " in page
    assert 'datetime="2027-03-01"' in page


@pytest.mark.parametrize("slug", ["nothing", "TERMS", "..", "%2e%2e%2fsecret"])
def test_no_other_file_is_shown(db, folder, slug):
    (folder.parent / "secret.md").write_text(PAGE.format(version="secret"))
    response = factories.browser().get(f"/legal/{slug}/")
    assert response.status_code == 404
    assert b"secret." not in response.content


@pytest.mark.parametrize(
    "text",
    ["", "# No front matter", "---\ntitle: X\n---\n", "---\ntitle: X\nversion: 1\ndate: soon\n---\nText",
     "---\n- a\n---\nText", '---\ntitle: ""\nversion: 1\ndate: 2027-01-01\n---\nText'],
)  # fmt: skip
def test_start_without_a_readable_page_is_refused(folder, text):
    assert checks.legal_pages_are_there() == []
    change(folder, "privacy", "2")
    (folder / "privacy.md").write_text(text)
    (error,) = checks.legal_pages_are_there()
    assert error.id == "steward.E020"
    (folder / "privacy.md").unlink()
    assert len(checks.legal_pages_are_there()) == 1


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", "![x](https://evil.test/x.png)", '<p style="x">y</p>',
     "[x](data:text/html,x)"],
)  # fmt: skip
def test_markdown_of_pages_is_only_text(text):
    html = markdown.render(text)
    assert re.findall(r"<(?!/?p\b|/?a\b)\w+|href=\"(?!/|https?:|mailto:)|<p [^>]*style=", html) == []


def test_markdown_of_pages_has_tables_and_links():
    html = markdown.render("| A |\n|---|\n| [b](/cookies/) |\n")
    assert '<th scope="col">A</th>' in html
    assert '<a href="/cookies/" rel="noopener">b</a>' in html
    assert html.count('<div class="table-scroll" tabindex="0"') == html.count("</table></div>") == 1
    assert "<thead>" in html


# accepting


@pytest.fixture
def person(db) -> User:
    return factories.make_user()


def forget(user: User, **accepted: str) -> None:
    User.objects.filter(pk=user.pk).update(accepted=accepted)


def test_sign_up_records_the_versions_that_the_form_showed(db):
    client, address = factories.browser(), f"new-{secrets.token_hex(5)}@example.test"
    page = client.get("/accounts/signup/").content.decode()
    assert "By creating an account you accept" in page
    (shown,) = re.findall(r'name="accepts" value="([^"]+)"', page)
    client.post("/accounts/signup/", {"email": address, "password1": PASSWORD, "accepts": shown})
    user = User.objects.get(email=address)
    assert user.accepted == {"terms": "1", "privacy": "1"}
    rows = Consent.objects.filter(user=user).order_by("document")
    assert [(row.document, row.version) for row in rows] == [("privacy", "1"), ("terms", "1")]
    ref = user.person_reference.ref
    assert sealing.unseal([(ref, rows[0].sealed)]) == [{"address": client.defaults["REMOTE_ADDR"]}]
    assert AuditEntry.objects.filter(action="consent.given", target_id=str(ref)).count() == 1


@pytest.mark.parametrize("shown", ["", "terms=0,privacy=1", "terms=1"])
def test_sign_up_that_showed_something_else_records_nothing(db, shown):
    client, address = factories.browser(), f"new-{secrets.token_hex(5)}@example.test"
    client.post("/accounts/signup/", {"email": address, "password1": PASSWORD, "accepts": shown})
    assert User.objects.get(email=address).accepted == {}
    assert not Consent.objects.filter(user__email=address).exists()


def test_change_of_a_version_asks_once(folder, person):
    forget(person)
    services.accept(user_id=person.pk, versions=documents.current())
    client = factories.sign_in(person)
    assert client.get("/me/").status_code == 200
    change(folder, "terms", "2")
    response = client.get("/me/?x=1")
    assert (response.status_code, response["Location"]) == (302, "/legal/accept/?next=%2Fme%2F%3Fx%3D1")
    page = client.get(response["Location"]).content.decode()
    assert "We changed something" in page
    assert ("/legal/terms/" in page, 'row-link" href="/legal/privacy/' in page) == (True, False)
    response = client.post("/legal/accept/", {"terms": "2", "privacy": "1", "next": "/me/?x=1"})
    assert (response.status_code, response["Location"]) == (302, "/me/?x=1")
    assert client.get("/me/").status_code == 200
    assert set(Consent.objects.filter(user=person).values_list("document", "version")) == {
        ("terms", "1"), ("privacy", "1"), ("terms", "2"),
    }  # fmt: skip


def test_asking_costs_no_query(person, assert_queries):
    client = factories.sign_in(person)
    with assert_queries(2):  # the session, the person
        assert client.get("/accounts/password/reset/done/").status_code == 200


def test_data_page_that_changes_asks_nobody(folder, person):
    services.accept(user_id=person.pk, versions=documents.current())
    change(folder, "data-processing", "2")
    assert factories.sign_in(person).get("/me/").status_code == 200


@pytest.mark.parametrize("path", ["/me/", "/w/acme/", "/w/acme/chat/", "/accounts/email/", "/"])
def test_who_has_not_accepted_reaches_no_other_page(db, owner, path):
    forget(owner.user)
    response = owner.browser().get(path)
    assert response["Location"].startswith("/legal/accept/")


@pytest.mark.parametrize(
    "path", ["/legal/terms/", "/legal/accept/", "/cookies/", "/accounts/logout/", "/admin/", "/health"]
)
def test_who_has_not_accepted_reaches_what_leaving_needs(staff, db, path):
    forget(staff.user)
    assert staff.browser().get(path).status_code == 200


def test_who_has_not_accepted_can_sign_out(person):
    forget(person)
    client = factories.sign_in(person)
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_visitors_are_not_asked(db):
    assert factories.browser().get("/").status_code == 200
    assert factories.browser().get("/legal/accept/")["Location"].startswith("/accounts/login/")


def test_api_is_not_asked(db, owner):
    forget(owner.user)
    client = factories.with_key(factories.make_key(owner.member))
    assert client.get("/api/v1/assistants").status_code == 200
    assert owner.browser().get("/api/v1/assistants", headers={"X-Workspace": "acme"}).status_code == 200


def test_form_that_was_being_sent_is_refused_with_what_was_typed(db, owner):
    forget(owner.user)
    response = owner.browser().post("/w/acme/chat/", {"text": "A long question"})
    page = response.content.decode()
    assert response.status_code == 403
    assert "A long question" in page
    assert "/legal/accept/" in page


def test_fragment_leads_the_whole_page_there(db, owner):
    forget(owner.user)
    response = owner.browser().get("/w/acme/", headers={"HX-Request": "true"})
    assert response["HX-Redirect"].startswith("/legal/accept/")


def test_older_version_is_not_accepted_and_nothing_is_recorded(person):
    forget(person)
    client = factories.sign_in(person)
    response = client.post("/legal/accept/", {"terms": "0", "privacy": "1"})
    assert (response.status_code, b"changed meanwhile" in response.content) == (409, True)
    with pytest.raises(services.VersionsChanged):
        services.accept(user_id=person.pk, versions={"terms": "1"})
    person.refresh_from_db()
    assert (person.accepted, Consent.objects.filter(user=person).count()) == ({}, 0)


def test_accepting_twice_is_one_entry(person):
    forget(person)
    for _ in range(2):
        services.accept(user_id=person.pk, versions=documents.current(), address="10.1.2.3")
    ref = str(person.person_reference.ref)
    assert AuditEntry.objects.filter(action="consent.given", target_id=ref).count() == 1
    assert "10.1.2.3" not in str(list(Consent.objects.filter(user=person).values()))


@pytest.mark.parametrize(
    "wanted", ["https://evil.test/", "//evil.test/", "/\\evil.test", "javascript:alert(1)", ""]
)
@pytest.mark.parametrize("path", ["/legal/accept/", "/cookies/"])
def test_next_leads_nowhere_else(person, path, wanted):
    forget(person)
    body = {"next": wanted, "choice": "all", **documents.current()}
    assert factories.sign_in(person).post(path, body)["Location"] == "/"


def test_unknown_page_of_documents_is_not_found():
    with pytest.raises(errors.NotFound):
        documents.get("../secret")


# cookies


@pytest.fixture
def counting(monkeypatch):
    """An operator's own script, put where optional ones belong."""
    engine = engines["django"].engine
    from django.template.loaders.locmem import Loader

    script = '<script src="/static/js/copy.js" data-optional></script>'
    loaders = [Loader(engine, {"optional/analytics.html": script}), *engine.template_loaders]
    monkeypatch.setitem(engine.__dict__, "template_loaders", loaders)


def choose(client, choice: str):
    return client.post("/cookies/", {"choice": choice, "next": "/pricing/"})


@pytest.mark.parametrize("path", ["/", "/pricing/", "/accounts/login/", "/legal/terms/", "/cookies/"])
def test_nothing_optional_is_in_a_page_before_consent(db, counting, path):
    client = factories.browser()
    assert "data-optional" not in client.get(path).content.decode()
    choose(client, "necessary")
    assert "data-optional" not in client.get(path).content.decode()
    choose(client, "all")
    assert "data-optional" in client.get(path).content.decode(), "the control: it would be there"
    choose(client, "necessary")
    assert "data-optional" not in client.get(path).content.decode()


def test_every_script_of_a_page_is_ours_and_necessary(db):
    page = factories.browser().get("/").content.decode()
    assert {re.sub(r".*/", "", src) for src in re.findall(r'<script[^>]+src="([^"]+)"', page)} <= {
        "theme.js", "menu.js", "dialog.js",
    }  # fmt: skip


def test_choice_is_kept_and_the_question_goes_away(db):
    client = factories.browser()
    page = client.get("/pricing/").content.decode()
    assert page.count('class="cookie-banner"') == 1
    assert [*re.findall(r'name="choice" value="(\w+)"', page)] == ["necessary", "all"]
    looks = re.findall(r'class="(button[^"]*)"\s+name="choice"', page)
    assert looks == ["button", "button"], "equal buttons"
    response = choose(client, "necessary")
    kept = response.cookies["cookie_choice"]
    assert (response["Location"], kept.value, kept["samesite"], kept["max-age"]) == (
        "/pricing/",
        "1:",
        "Lax",
        15_552_000,
    )
    assert 'class="cookie-banner"' not in client.get("/pricing/").content.decode()
    assert "only what is necessary" in client.get("/cookies/").content.decode()
    choose(client, "all")
    assert client.cookies["cookie_choice"].value == "1:analytics"
    assert "take that back" in client.get("/cookies/").content.decode()


@pytest.mark.parametrize("value", ["", "0:analytics", "x", "1", ":analytics", "1:evil"])
def test_other_values_allow_nothing(rf, value):
    request = rf.get("/")
    request.COOKIES[cookies.NAME] = value
    assert not cookies.allows(request, "analytics")


def test_purpose_that_nobody_was_asked_about_is_an_error(rf):
    with pytest.raises(KeyError):
        cookies.allows(rf.get("/"), "adverts")


def test_script_asks_by_the_same_name_and_question():
    text = Path("static/js/consent.js").read_text()
    assert f'NAME = "{cookies.NAME}"' in text
    assert f'QUESTION = "{cookies.QUESTION}"' in text


def test_footer_leads_to_all_of_it(db):
    page = factories.browser().get("/").content.decode()
    for name, arguments in (("legal", {"page": "terms"}), ("legal", {"page": "privacy"}), ("cookies", {})):
        assert f'href="{reverse(name, kwargs=arguments)}"' in page


def test_form_says_which_versions_it_speaks_of():
    assert signup.shown() == "terms=1,privacy=1"
