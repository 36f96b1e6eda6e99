"""Every page of the simulated service says what it is, in view, whatever it shows."""

import re
from pathlib import Path

import pytest

from tests import routes
from tests.billing.simulator_pages.conftest import NOTICE, text_of
from tests.test_templates import ROOT

TEMPLATES = sorted((ROOT / "templates" / "simulator").glob("*.html"))
SHELL = ROOT / "templates" / "simulator" / "shell.html"
EXTENDS = re.compile(r'^{% extends "simulator/shell.html" %}')


def test_shell_carries_the_notice_outside_every_block():
    body = SHELL.read_text().split("<body", 1)[1]
    before_blocks = body.split("{% block", 1)[0]
    assert "simulated-banner" in before_blocks
    assert "<strong>{{ notice }}</strong>" in before_blocks


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_page_stands_in_the_shell(template: Path):
    if template != SHELL and not template.name.startswith("_"):
        assert EXTENDS.match(template.read_text())


@pytest.mark.parametrize("name", routes.SIMULATED)
def test_a_page_that_is_not_there_says_it_too(shop, visitor, name):
    from django.urls import reverse

    response = visitor.get(reverse(name, kwargs=routes.SIMULATED[name]))
    if response.status_code != 405:
        assert response.status_code == 404
        assert NOTICE in text_of(response)
