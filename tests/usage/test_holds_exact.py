"""Never over a limit by one unit, whoever comes at once; what is left is served to the last unit."""

import random
import threading
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.db.models import F, Sum

from config import ports
from tenants import audit
from tests.factories import give_limits, hold_of
from tests.usage.crowds import crowd, deadlocks
from tests.usage.runs import counter, decide, finish, give_up
from usage.holds import services
from usage.holds.types import MILLION, Amount, QuotaExceeded
from usage.limits.services import LimitSpec, remove_limit, set_limit
from usage.models import Counter, Hold, LedgerEntry, Limit

CALLERS = 200
KINDS = {
    # meter: (what one run holds, what it uses, limit worth ten, fields of its hold)
    "messages": ({"messages": Amount.of(1)}, {"messages": 1}, 10, {}),
    "tokens": ({"tokens": Amount(7 * MILLION, MILLION)}, {"input_tokens": 7, "output_tokens": 30}, 370, {"cap": 30}),
    "cost_micro": (
        {"cost_micro": Amount(7 * 150_000, 600_000)}, {"input_tokens": 7, "output_tokens": 30}, 200, {"cap": 30},
    ),
    "images": ({"images": Amount.of(2)}, {"images": 2}, 20, {"kind": "image", "model": "gpt-image-1"}),
    "audio_in_ms": ({"audio_in_ms": Amount.of(1500)}, {"audio_in_ms": 1500}, 15000, {"kind": "transcription"}),
}  # fmt: skip


def run(workspace: UUID, meters, used, **fields) -> str:
    """One call from hold to settlement, as a client sees it: served, refused, or waiting for its turn."""
    fields = {"cap": 0, "min_cap": fields.get("cap", 0), **fields}
    try:
        hold = hold_of(workspace_id=workspace, meters=meters, **fields)
    except QuotaExceeded as error:
        return error.code
    if hold.is_waiting:
        return "waiting"
    finish(hold, **used)
    return "served"


def work_off(workspace: UUID, used) -> int:
    """Settles whoever is let in until nobody waits; returns how many were served."""
    served = 0
    while held := list(
        Hold.objects.filter(workspace_id=workspace, state="held").values_list("id", flat=True)
    ):
        for hold_id in held:
            finish(hold_id, **used)
            served += 1
    return served


@pytest.fixture(autouse=True)
def decisions(monkeypatch):
    """Holds without runs: a refused one just ends."""
    monkeypatch.setattr(ports.hold_decided, "_answer", decide)


@pytest.mark.parametrize("meter", KINDS)
def test_two_hundred_callers_on_a_limit_worth_ten_are_served_ten_times(committed, meter):
    meters, used, limit, fields = KINDS[meter]
    workspace = uuid4()
    give_limits(workspace, (meter, "day", limit))
    seen: list[int] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(workspace, seen, stop))
    watcher.start()
    results = crowd(CALLERS, lambda _: run(workspace, meters, used, **fields))
    served = results.count("served") + work_off(workspace, used)
    stop.set()
    watcher.join()
    assert served == 10, results
    row = counter(workspace, meter)
    assert (row.used, row.held) == (limit, 0)
    assert max(seen) <= limit
    assert Hold.objects.filter(workspace_id=workspace, state="settled").count() == 10
    assert not Hold.objects.filter(workspace_id=workspace, state__in=["held", "waiting"]).exists()
    reasons = set(
        Hold.objects.filter(workspace_id=workspace, state="released").values_list("release_reason", flat=True)
    )
    assert reasons <= {"quota_exceeded"}, "used up, not busy"


def watch(workspace: UUID, seen: list[int], stop: threading.Event) -> None:
    """Samples what is used and held together, as any other transaction sees it."""
    while not stop.wait(0.005):
        rows = Counter.objects.filter(workspace_id=workspace).values_list("used", "held")
        seen.append(max((sum(row) for row in rows), default=0))
    connection.close()


def test_check_and_then_add_would_overrun(committed):
    """The control: a limit that is looked at first and written afterwards lets everybody through who looked in time."""
    workspace = uuid4()
    give_limits(workspace, ("messages", "day", 10))
    hold = hold_of(workspace_id=workspace, meters={"messages": Amount.of(1)}, cap=0, min_cap=0)
    give_up(hold)

    looked = threading.Barrier(12)

    def careless(_: int) -> bool:
        row = counter(workspace, "messages")
        looked.wait(timeout=30)
        if row.used + 1 > 10:
            return False
        Counter.objects.filter(id=row.pk).update(used=F("used") + 1)
        return True

    assert crowd(12, careless).count(True) == 12
    assert counter(workspace, "messages").used > 10


def test_budget_shared_by_keys_and_persons_is_one_budget(committed):
    workspace, keys = uuid4(), [uuid4() for _ in range(4)]
    give_limits(workspace, ("cost_micro", "month", 1000))
    for key in keys:
        spec = LimitSpec(
            "cost_micro", "day", 600, subject_kind="api_key", subject_id=str(key), block_percent=100
        )
        set_limit(workspace_id=workspace, spec=spec, source=Limit.Source.KEY, actor=audit.SYSTEM)
    meters, used = {"cost_micro": Amount(0, 600_000)}, {"output_tokens": 50}
    results = crowd(120, lambda n: run(workspace, meters, used, cap=50, api_key_id=keys[n % 4]))
    served = results.count("served") + work_off(workspace, used)
    assert served == 33, "30 micro-units each"
    assert counter(workspace, "cost_micro", subject_kind="workspace").used == 990
    of_keys = Counter.objects.filter(workspace_id=workspace, subject_kind="api_key")
    assert of_keys.aggregate(sum=Sum("used"))["sum"] == 990
    assert max(of_keys.values_list("used", flat=True)) <= 600


@pytest.fixture
def platform(committed):
    """Sets a limit of the whole platform; it is gone after the test."""
    made = []

    def limit(meter: str, amount: int) -> Limit:
        spec = LimitSpec(meter, "total", amount, subject_kind="platform", block_percent=100)
        made.append(set_limit(workspace_id=None, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM))
        return made[-1]

    yield limit
    for row in made:
        remove_limit(limit=row, actor=audit.SYSTEM)
    Counter.objects.filter(subject_kind="platform").delete()


def test_platform_limit_is_never_passed_by_eight_workspaces_at_once(platform):
    platform("websites", 100)
    workspaces = [uuid4() for _ in range(8)]
    for workspace in workspaces:
        give_limits(workspace, ("websites", "day", 1000))
    meters, used = {"websites": Amount.of(1)}, {"websites": 1}

    def many(number: int) -> list[str]:
        return [run(workspaces[number % 8], meters, used) for _ in range(10)]

    results = [result for part in crowd(24, many) for result in part]
    served = results.count("served") + settle_everywhere(workspaces, used)
    assert served == 100, results
    shares = Counter.objects.filter(subject_kind="platform", workspace_id__isnull=False, meter="websites")
    sums = shares.aggregate(used=Sum("used"), granted=Sum("granted"))
    pool = Counter.objects.get(subject_kind="platform", workspace_id__isnull=True, meter="websites")
    assert sums == {"used": 100, "granted": pool.held}
    assert pool.held == 100
    with pytest.raises(QuotaExceeded) as caught:
        hold_of(workspace_id=uuid4(), meters=meters, cap=0, min_cap=0)
    (line,) = caught.value.data["limits"]
    assert (line["subject"], line["used"], line["limit"]) == ("platform", 100, 100)
    assert "all workspaces together" in line["text"]
    assert line["who_can_raise"] == "the operator of this service"


def settle_everywhere(workspaces: list[UUID], used) -> int:
    """As the sweeper does: a workspace that waits for others' shares gets its turn."""
    served = 0
    for _ in range(3):
        for workspace in workspaces:
            services.let_in_waiting(workspace)
            served += work_off(workspace, used)
    return served


def test_platform_share_that_lies_idle_goes_to_whoever_needs_it(platform):
    platform("websites", 640)
    first, second = uuid4(), uuid4()
    meters = {"websites": Amount.of(1)}
    give_up(hold_of(workspace_id=first, meters=meters, cap=0, min_cap=0))
    share = counter(first, "websites", subject_kind="platform")
    assert (share.used, share.held, share.granted) == (0, 0, 10), "a tranche is a 64th of what is left"
    hold = hold_of(workspace_id=second, meters={"websites": Amount.of(640)}, cap=0, min_cap=0)
    assert not hold.is_waiting
    share.refresh_from_db()
    assert share.granted == 0
    assert counter(second, "websites", subject_kind="platform").granted == 640
    assert hold_of(workspace_id=first, meters=meters, cap=0, min_cap=0).is_waiting, "held by others, not used"
    finish(hold, websites=1)
    services.let_in_waiting(first)
    assert Hold.objects.get(workspace_id=first, state="held")


def test_shares_are_taken_back_while_their_workspaces_work(platform):
    """Nearly all is granted, so each hold takes from others' shares, which change at the same time."""
    platform("generations", 2000)
    workspaces = [uuid4() for _ in range(12)]
    for workspace in workspaces:
        give_limits(workspace, ("generations", "day", 10**6))

    def many(number: int) -> None:
        rng = random.Random(number)
        for _ in range(40):
            meters = {"generations": Amount.of(rng.randint(5, 60))}
            try:
                hold = hold_of(workspace_id=workspaces[number % 12], meters=meters, cap=0, min_cap=0)
            except QuotaExceeded:
                continue
            if not hold.is_waiting:
                finish(hold, generations=rng.randint(0, 2))

    crowd(24, many)
    settle_everywhere(workspaces, {"generations": 0})
    shares = Counter.objects.filter(
        subject_kind="platform", workspace_id__isnull=False, meter="generations"
    ).aggregate(used=Sum("used"), held=Sum("held"), granted=Sum("granted"))
    pool = Counter.objects.get(subject_kind="platform", workspace_id__isnull=True, meter="generations")
    assert shares["held"] == 0
    assert shares["granted"] == pool.held <= 2000
    booked = LedgerEntry.objects.filter(workspace_id__in=workspaces).aggregate(sum=Sum("generations"))["sum"]
    assert shares["used"] == booked


def test_holds_of_one_workspace_do_not_lock_the_platforms_row(platform):
    """Within its tranche a workspace locks nothing that another one needs."""
    platform("websites", 6400)
    first, second = uuid4(), uuid4()
    meters = {"websites": Amount.of(1)}
    for workspace in (first, second):
        finish(hold_of(workspace_id=workspace, meters=meters, cap=0, min_cap=0), websites=1)

    def other() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
            finish(hold_of(workspace_id=second, meters=meters, cap=0, min_cap=0), websites=1)
            cursor.execute("RESET lock_timeout")

    with transaction.atomic():
        hold_of(workspace_id=first, meters=meters, cap=0, min_cap=0)
        assert crowd_of_one(other) is None
    assert counter(second, "websites", subject_kind="platform").used == 2


def crowd_of_one(work) -> BaseException | None:
    raised: list[BaseException] = []

    def begin() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  the test judges it
            raised.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join(30)
    return raised[0] if raised else None


def test_mixed_subjects_in_random_order_never_deadlock(platform):
    platform("messages", 100_000)
    platform("output_tokens", 400_000)
    before = deadlocks()
    workspaces = [uuid4() for _ in range(3)]
    people, keys, helpers = ([uuid4() for _ in range(4)] for _ in range(3))
    for workspace in workspaces:
        give_limits(
            workspace, ("messages", "day", 30), ("output_tokens", "month", 2000), ("tokens", "week", 10**6)
        )
        for kind, subjects in (("person", people), ("api_key", keys), ("assistant", helpers)):
            for subject in subjects:
                spec = LimitSpec("messages", "day", 12, subject_kind=kind, subject_id=str(subject))
                set_limit(workspace_id=workspace, spec=spec, source=Limit.Source.STAFF, actor=audit.SYSTEM)

    def worker(number: int) -> None:
        rng = random.Random(number)
        for _ in range(25):
            meters = {"output_tokens": Amount(0, MILLION), "tokens": Amount(5 * MILLION, MILLION)}
            if rng.random() < 0.8:
                meters["messages"] = Amount.of(1)
            try:
                hold = hold_of(
                    workspace_id=rng.choice(workspaces), meters=meters, cap=rng.randint(1, 120), min_cap=1,
                    person_ref=rng.choice(people), api_key_id=rng.choice(keys), assistant_id=rng.choice(helpers),
                )  # fmt: skip
            except QuotaExceeded:
                continue
            end_something(rng, hold.id)

    crowd(16, worker)
    for workspace in workspaces:
        services.let_in_waiting(workspace)
        work_off(workspace, {"output_tokens": 1})
    assert deadlocks() == before
    check_counters(workspaces)


def end_something(rng: random.Random, hold_id: UUID) -> None:
    claim = services.claim(hold_id)
    if claim is None:
        if rng.random() < 0.5:
            decide(hold_id=hold_id, workspace_id=hold_id, refusal="person")
        return
    services.give_back(hold_id, attempt=claim.attempt)
    if rng.random() < 0.3:
        give_up(hold_id)
    else:
        finish(hold_id, messages=1, output_tokens=rng.randint(0, 120))


def check_counters(workspaces: list[UUID]) -> None:
    """Each counter is the sum of the ledger's lines since it was opened, nothing is held, no limit is passed."""
    booked: dict[int, int] = {}
    for lines in LedgerEntry.objects.filter(workspace_id__in=workspaces).values_list("lines", flat=True):
        for line in lines:
            booked[line["counter"]] = (
                booked.get(line["counter"], 0) + line["used_after"] - line["used_before"]
            )
            assert line["used_after"] <= line["line"]
    rows = Counter.objects.filter(workspace_id__in=workspaces)
    assert {row.pk: row.used - row.opening for row in rows if row.used > row.opening} == {
        key: sum_ for key, sum_ in booked.items() if sum_
    }
    assert set(rows.values_list("held", flat=True)) == {0}
