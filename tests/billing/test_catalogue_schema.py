"""What is wrong with a catalogue is said with its file, line and key, all of it at once."""

from pathlib import Path

import pytest

from billing.catalogues import catalogue as catalogues
from billing.catalogues.catalogue import CatalogueInvalid, load_file

GOOD = """\
catalogue: example
name: Example
currency: usd
trial_days: 14
referral: {credit_minor: 1000}
deals:
  - {key: beta, label: Beta, plan: pro, amount_minor: 9900, limit: 100, offered: true}
outcomes:
  goals: [traffic, own]
  milestones:
    - {percent: 50, share_bp: 4000}
    - {percent: 100, share_bp: 6000}
margin:
  messages: {cost_micro: 50000, source: a guess}
features:
  statements: {label: Statements, offered: true}
  shared_workspace: {label: Together, offered: true}
  crystal: {label: Crystal, offered: false, meters: [audio_in_ms]}
plans:
  - key: free
    name: Free
    sale: free
    price: {month: 0}
    support: community
    seats: 1
    limits:
      - {meter: messages, window: month, amount: 50}
    features: [statements]
  - key: pro
    name: Pro
    sale: paid
    price: {month: 2000, year: 20000}
    trial: true
    support: email
    seats: 5
    rates: {per_key: 60, per_workspace: 600}
    limits:
      - {meter: assistants, window: total, amount: unlimited}
    features: [statements, shared_workspace, crystal]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "example.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(CatalogueInvalid) as caught:
        load_file(write(tmp_path, text))
    return [str(fault) for fault in caught.value.faults]


def test_a_good_file_is_read(tmp_path):
    made = load_file(write(tmp_path, GOOD))
    pro = made.plans[1]
    assert pro.limits == (catalogues.LimitOfPlan("assistants", "total", None),)
    assert pro.rates == {"per_key": 60, "per_workspace": 600}
    assert pro.prices == {"month": 2000, "year": 20000}
    assert made.planned_meters == {"audio_in_ms"}


BREACHES = [
    ("catalogue: example", "catalogue: other", 1, "catalogue", "must be example, as the file is called"),
    ("currency: usd", "currency: doubloon", 3, "currency", "is 'doubloon'; it can be usd, eur, gbp"),
    ("trial_days: 14", "trial_days: 14\nsurprise: 1", 5, "surprise", "is no key that is known here"),
    ("trial_days: 14", "trial_days: two weeks", 4, "trial_days", "must be a whole number"),
    ("trial_days: 14", "trial_days: 14\ntrial_days: 15", 5, "trial_days", "stands here twice"),
    ("    name: Pro\n", "", 29, "plans[1].name", "is missing"),
    ("    name: Pro\n", "    name: 12\n", 30, "plans[1].name", "must be words"),
    ("key: pro", "key: free", 29, "plans[1].key", "there are two plans 'free'"),
    ("month: 2000, year", "month: -2000, year", 32, "plans[1].price.month", "is -2000; it must be 1 or more"),
    ("month: 2000, year", "month: 0, year", 32, "plans[1].price.month", "is 0; it must be 1 or more"),
    ("month: 2000, year", "month: 20.00, year", 32, "plans[1].price.month", "must be a whole number"),
    ("year: 20000", "year: 24001", 32, "plans[1].price.year", "24001 is dearer than 12 months (24000)"),
    ("year: 20000", "week: 500", 32, "plans[1].price.week", "is no key that is known here"),
    ("{month: 2000, year: 20000}", "null", 32, "plans[1].price", "is null, but the plan's sale is paid"),
    ("    price: {month: 0}\n", "", 20, "plans[0].price", "is missing; a plan without a price says null"),
    ("{month: 0}", "{month: 100}", 23, "plans[0].price.month", "is more than 0, but the plan's sale is free"),
    ("sale: paid", "sale: contact", 32, "plans[1].price.month", "the plan's sale is contact: its price is null"),
    ("meter: messages", "meter: mesages", 27, "plans[0].limits[0].meter", "is 'mesages'; it can be messages, tokens"),
    ("meter: messages", "meter: seats", 27, "plans[0].limits[0].meter", "is 'seats'; it can be messages, tokens"),
    ("window: month", "window: hour", 27, "plans[0].limits[0].window", "is 'hour'; it can be day, week, month"),
    ("window: total", "window: day", 38, "plans[1].limits[0].window", "of assistants must be total: it counts"),
    ("amount: 50}", "amount: -1}", 27, "plans[0].limits[0].amount", "is -1; it must be 0 or more"),
    ("amount: 50}", "amount: endless}", 27, "plans[0].limits[0].amount", "must be a whole number"),
    ("amount: 50}", "amount: 50, warn_percent: 95, block_percent: 80}", 27, "plans[0].limits[0].warn_percent",
     "95 is above the block line 80"),
    ("amount: 50}", "amount: 50, warn_percent: 120}", 27, "plans[0].limits[0].warn_percent", "is 120; it must be"),
    ("amount: 50}", "amount: 50}\n      - {meter: messages, window: month, amount: 60}", 28,
     "plans[0].limits[1].meter", "messages per month is limited twice"),
    ("features: [statements]", "features: [statements, magic]", 28, "plans[0].features",
     "'magic' is not declared under features"),
    ("features: [statements]", "features: [statements, statements]", 28, "plans[0].features",
     "'statements' stands here twice"),
    ("shared_workspace, crystal]", "shared_workspace]", 18, "features.crystal", "is in no plan"),
    ("label: Crystal, offered: false", "label: Crystal, offered: true", 18, "features.crystal.offered",
     "nothing asks for crystal: it can only be planned, offered: false"),
    ("label: Crystal, offered: false", "label: Crystal", 18, "features.crystal.offered", "is missing"),
    ("meters: [audio_in_ms]", "meters: [audio]", 18, "features.crystal.meters", "there is no meter 'audio'"),
    ("seats: 5", "seats: 1", 39, "plans[1].features", "the plan seats one person, which does not agree on"),
    ("seats: 1", "seats: 2", 28, "plans[0].features", "the plan seats more than one person, which does not agree"),
    ("seats: 5", "seats: 5\n    per_seat: true", 35, "plans[1].seats", "is bought: a plan per seat says no number"),
    ("seats: 1", "seats: 0", 25, "plans[0].seats", "is 0; nobody could be in it"),
    ("support: email", "support: phone", 34, "plans[1].support", "is 'phone'; it can be community, email"),
    ("per_key: 60", "per_key: 0", 36, "plans[1].rates.per_key", "is 0; it must be 1 or more"),
    ("per_key: 60", "per_hour: 60", 36, "plans[1].rates.per_hour", "is no key that is known here"),
    ("seats: 1", "seats: 1\n    passthrough: true", 26, "plans[0].passthrough", "needs a price, but the plan's"),
    ("seats: 1", "seats: 1\n    trial: true", 26, "plans[0].trial", "needs a paid plan, and trial_days of the"),
    ("trial: true", "trial: 'yes'", 33, "plans[1].trial", "must be true or false"),
    ("trial: true", "price_from: 100", 33, "plans[1].price_from", "is for plans that are asked for, but the"),
    ("sale: free\n    price: {month: 0}", "sale: unpriced\n    price: null", 19, "plans",
     "0 plans are free; newcomers begin with exactly one"),
    ("plan: pro", "plan: free", 7, "deals[0].plan", "there is no paid plan 'free'"),
    ("amount_minor: 9900", "amount_minor: 0", 7, "deals[0].amount_minor", "is 0; it must be 1 or more"),
    ("limit: 100", "limit: 0", 7, "deals[0].limit", "is 0; it must be 1 or more"),
    ("credit_minor: 1000", "credit_minor: -5", 5, "referral.credit_minor", "is -5; it must be 1 or more"),
    ("goals: [traffic, own]", "goals: [fame]", 9, "outcomes.goals", "is 'fame'; it can be traffic, conversion"),
    ("share_bp: 6000", "share_bp: 5000", 10, "outcomes.milestones", "the shares must add up to 10000 basis points"),
    ("percent: 50", "percent: 100", 10, "outcomes.milestones", "must rise to 100 percent"),
    ("cost_micro: 50000", "model: gpt-4o, cost_micro: 50000", 14, "margin.messages.cost_micro",
     "says what one costs, or else a model and its tokens do"),
    ("  messages: {cost", "  mesages: {cost", 14, "margin.mesages", "there is no meter 'mesages'"),
    ("margin:\n", "margin: [\n", 15, "file", "no YAML:"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"), BREACHES, ids=[f"{row[3]}: {row[4]}"[:60] for row in BREACHES]
)
def test_a_breach_is_named_with_its_file_line_and_key(tmp_path, old, new, line, key, message):
    assert old in GOOD
    found = faults(tmp_path, GOOD.replace(old, new, 1))
    start = f"example.yaml:{line}: {key}: {message}"
    assert [fault for fault in found if fault.startswith(start)], found


def test_everything_that_is_wrong_is_said_at_once_in_the_order_of_lines(tmp_path):
    text = GOOD.replace("currency: usd", "currency: yen").replace("year: 20000", "year: 99999")
    text = text.replace("meter: messages", "meter: smiles")
    assert [fault.split(": ")[0:2] for fault in faults(tmp_path, text)] == [
        ["example.yaml:3", "currency"],
        ["example.yaml:27", "plans[0].limits[0].meter"],
        ["example.yaml:32", "plans[1].price.year"],
    ]


@pytest.mark.parametrize("text", ["", "- a\n- list\n", "just words"])
def test_what_is_no_catalogue_at_all_is_said(tmp_path, text):
    (found,) = [fault for fault in faults(tmp_path, text) if ": file: " in fault]
    assert found.startswith("example.yaml:1: file: ")


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(Exception, match="can be ai-la, ai-mentor, alin, alwrity, teach-charlie"):
        catalogues.load("nobody")


@pytest.mark.parametrize("name", catalogues.list_names())
def test_every_catalogue_that_ships_is_valid(name):
    assert catalogues.load(name).key == name
