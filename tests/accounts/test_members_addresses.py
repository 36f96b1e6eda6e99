"""A pasted list of addresses, in the forms in which people have them."""

import pytest

from accounts.members.addresses import Entry, email_of, read


@pytest.mark.parametrize(
    ("text", "emails"),
    [
        ("ada@example.test", ["ada@example.test"]),
        ("Ada@Example.TEST", ["ada@example.test"]),
        ("a@x.test, b@x.test;c@x.test\nd@x.test\r\ne@x.test", [f"{name}@x.test" for name in "abcde"]),
        ("a@x.test b@x.test\tc@x.test", ["a@x.test", "b@x.test", "c@x.test"]),
        ("Ada Lovelace <ada@x.test>", ["ada@x.test"]),
        ('"Lovelace, Ada" <ada@x.test>, Bob <bob@x.test>', ["ada@x.test", "bob@x.test"]),
        ("<ada@x.test>", ["ada@x.test"]),
        (" ,;\n ,", []),
        ("", []),
        ("Ada < ada@x.test >", ["ada@x.test"]),
        ('"Ada, <ada@x.test>\nbob@x.test', ["ada@x.test", "bob@x.test"]),
    ],
)
def test_list_is_read(text, emails):
    assert [entry.email for entry in read(text)] == emails


@pytest.mark.parametrize(
    "text",
    [
        "ada", "ada@", "@x.test", "ada@x", "ada@@x.test", "Ada <ada>", "Ada <ada@x.test", "ada@x.test>",
        "a" * 300 + "@x.test", "Ada Lovelace", "a@x.test <b@x.test> c",
    ],
)  # fmt: skip
def test_what_is_no_address_is_kept_as_it_was_typed(text):
    assert email_of(text) is None
    assert read(text) == [Entry(text, None)]


def test_spaces_part_only_addresses():
    assert read("Ada ada@x.test") == [Entry("Ada ada@x.test", None)]
