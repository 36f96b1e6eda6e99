"""What a person asks of their memory in a message: "forget what I said today"."""

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from accounts.permissions import Member
from assistants.memory import forgetting
from tenants.scope import current_workspace

# A whole sentence that commands it. "Don't forget what I said today" and "Did you forget …?" do not.
SAID = r"(?:said|told\s+you|wrote|mentioned|shared|talked\s+about|discussed)"
FORGET = re.compile(
    rf"""(?:(?:hey|ok(?:ay)?|now|and|so)[, ]+)*
    (?:(?:please|could\ you|can\ you|would\ you|i\ want\ you\ to|i'd\ like\ you\ to|you\ should|you\ can|kindly)[, ]+)*
    (?:forget|delete|erase|drop)\s+
    (?:(?:everything|all|all\ of\ it|anything|what(?:ever)?)
       (?:\s+(?:that\s+)?(?:i|we)(?:'ve|\s+have)?\s+{SAID}(?:\s+to\s+you)?
         |\s+(?:that\s+)?you(?:'ve|\s+have)?\s+(?:learned|learnt|remembered|noted|kept)(?:\s+about\s+me)?)?
     |my\s+memor(?:y|ies)|the\s+memor(?:y|ies)|your\s+notes)
    \s+(?:(?:of|from|since|on|for)\s+)?(?P<day>today|yesterday|this\s+morning|this\s+afternoon)
    (?:[, ]+(?:please|thanks|thank\s+you))*""",
    re.IGNORECASE | re.VERBOSE,
)
SENTENCE = re.compile(r"[^.!?\n]+")


def day_of(text: str) -> date | None:
    """The day of the workspace's clock that a message asks to forget, if it does."""
    if len(text) > 2_000:
        return None
    text = text.replace("\u2019", "'")
    found = [FORGET.fullmatch(part.strip()) for part in SENTENCE.findall(text)]
    days = [match["day"].lower() for match in found if match]
    if not days:
        return None
    today = datetime.now(ZoneInfo(current_workspace().timezone)).date()
    return today - timedelta(days=1) if days[0] == "yesterday" else today


def grant(*, member: Member, text: str) -> int:
    """Does what a message asks for, when it asks for it. In the transaction that keeps the message. Returns how many
    statements are gone."""
    day = day_of(text)
    return 0 if day is None else forgetting.forget_day(member=member, day=day)


def told(text: str) -> str:
    """What the model has to know of it."""
    day = day_of(text)
    return (
        f"At the person's wish everything that was remembered of them on {day:%d %B %Y} was deleted just now. Confirm"
        " that in one sentence and do not repeat any of it. The texts of conversations are still there."
    )
