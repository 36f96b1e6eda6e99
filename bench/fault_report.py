"""What kills did, as tables, charts and figures for scripts."""

from collections.abc import Sequence

from bench import report
from bench.trials import Tally

MOST_NOTES = 40
COUNTS = (
    "accepted", "in_flight", "done", "ended_early", "unanswered_posts", "lost", "charged_twice", "charged_undelivered",
    "overcharged", "receipts_missing", "receipts_double", "text_wrong", "viewer_wrong", "attempts_overlap",
)  # fmt: skip
WORDS = {"unanswered_posts": "POST unanswered", "charged_undelivered": "undelivered charged"}


def figures(tally: Tally) -> dict[str, object]:
    return {
        "killed": tally.kind,
        "times": tally.kills,
        **{name: getattr(tally, name) for name in COUNTS},
        "median_s": report.median(tally.to_final_s),
        "longest_s": tally.longest_s,
    }


def show(tallies: Sequence[Tally], *, of: str) -> None:
    """`of`: what the first column names."""
    names = {name: WORDS.get(name, name.replace("_", " ")) for name in figures(tallies[0])}
    header = [of, *list(names.values())[1:]]
    rows = [list(figures(tally).values()) for tally in tallies]
    report.table(header, rows, title="Seconds run from the kill to a final state")
    report.chart(
        "Longest time from the kill to a final state",
        [(tally.kind, tally.longest_s) for tally in tallies],
        unit="s",
    )


def show_notes(tallies: Sequence[Tally]) -> None:
    for note in [note for tally in tallies for note in tally.notes][:MOST_NOTES]:
        print(f"  {note}")
