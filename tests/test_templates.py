"""Templates hold under the strict content security policy: nothing inline, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def test_templates_are_found():
    assert len(TEMPLATES) > 50


INLINE = re.compile(
    r"""\sstyle\s*=|<style\b|<script(?![^>]*\bsrc=)(?![^>]*type="application/json")|\son[a-z]+\s*=\s*["']|javascript:""",
    re.IGNORECASE,
)
REMOTE = re.compile(
    r"""<(script|link|img|iframe|source)\b[^>]*\b(src|href)\s*=\s*["'](https?:)?//""", re.IGNORECASE
)


# What mail clients show knows no style sheets, and is never a page of ours (tests/accounts/test_mails.py).
MAILS = ROOT / "templates" / "mails"
PAGES = [path for path in TEMPLATES if MAILS not in path.parents]


@pytest.mark.parametrize("template", PAGES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_template_holds_under_the_strict_policy(template):
    text = re.sub(r"{% comment %}.*?{% endcomment %}", "", template.read_text(), flags=re.DOTALL)
    assert INLINE.findall(text) == []
    assert REMOTE.findall(text) == []
    assert "|safe" not in text or template.name in MARKED_SAFE


# What rendering.markdown and config.markdown made, and Django's own help texts of forms.
MARKED_SAFE = {"_answer.html", "_trial_answer.html", "_message.html", "_field_notes.html", "document.html"}


@pytest.mark.parametrize(
    "html",
    [
        '<p style="x">',
        "<style>x</style>",
        "<script>x</script>",
        '<a onclick="x">',
        '<a href="javascript:x">',
        "<p ONLOAD='x'>",
    ],
)
def test_inline_code_is_found(html):
    assert INLINE.findall(html) != []


def test_script_from_elsewhere_is_found():
    assert REMOTE.findall('<script src="https://cdn.test/x.js">') != []
    assert REMOTE.findall('<img alt="" src="//cdn.test/x.png">') != []


def test_policy_of_the_browser_allows_no_inline_code(settings):
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    assert "unsafe" not in str(directives)
    assert directives["default-src"] == ["'self'"]
    assert {"script-src", "style-src", "object-src", "base-uri", "form-action", "frame-ancestors"} <= set(
        directives
    )
