"""Ports: where an app must ask or tell one that stands to its right in the import order.

The left app declares and calls a port here; the right app fills it in `AppConfig.ready()`. A port that nobody filled
fails start-up (system check `steward.E001`), so a call never silently does nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, TypeVar
from uuid import UUID

from django.http import HttpRequest

from config.personal import Subject

P = ParamSpec("P")
R = TypeVar("R")


class Port(Generic[P, R]):
    """A named call that exactly one app answers."""

    registry: "list[Port[..., object]]" = []

    def __init__(self, name: str, signature: Callable[P, R]) -> None:
        self.name = name
        self._answer: Callable[P, R] | None = None
        Port.registry.append(self)  # type: ignore[arg-type]  # a registry of ports of every signature

    @property
    def is_filled(self) -> bool:
        return self._answer is not None

    def fill(self, answer: Callable[P, R]) -> None:
        """Raises RuntimeError when another function answers already."""
        if self._answer is not None and self._answer is not answer:
            raise RuntimeError(f"port {self.name} is filled twice")
        self._answer = answer

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        if self._answer is None:
            raise RuntimeError(f"port {self.name} is not filled")
        return self._answer(*args, **kwargs)


def _workspace_created(*, workspace_id: UUID) -> None: ...


def _plan_wanted(*, workspace_id: UUID) -> None: ...


def _seat_wanted(*, workspace_id: UUID, seats: int, are_held: bool = False) -> None: ...


def _seats_allowed(*, workspace_id: UUID) -> int | None: ...


def _seats_changed(*, workspace_id: UUID, by: int) -> None: ...


def _close_expired_hold(*, hold_id: UUID, workspace_id: UUID, attempt: int) -> str:  # type: ignore[empty-body]
    ...


def _membership_ended(*, workspace_id: UUID, user_id: UUID) -> None: ...


def _api_key_ended(*, workspace_id: UUID, key_id: UUID) -> None: ...


def _workspace_suspended(*, workspace_id: UUID, reason: str) -> None: ...


def _workspace_stopped(*, workspace_id: UUID) -> int:  # type: ignore[empty-body]
    ...


def _workspace_closing(*, workspace_id: UUID) -> None: ...


def _owner_addresses(*, workspace_id: UUID) -> list[str]:  # type: ignore[empty-body]
    ...


def _mail_owed(  # type: ignore[empty-body]
    *, key: str, kind: str, to: Sequence[str], context: dict[str, Any], workspace_id: UUID | None = None
) -> bool: ...


def _web_started() -> None: ...


def _person_reference(*, user_id: UUID) -> UUID:  # type: ignore[empty-body]
    ...


def _assistant_count(*, workspace_id: UUID) -> int:  # type: ignore[empty-body]
    ...


def _assistant_names(*, ids: Collection[UUID] | None = None) -> dict[UUID, str]:  # type: ignore[empty-body]
    ...


@dataclass(frozen=True)
class KeyLimits:
    """Limits for a new API key. `made_by_key_id`: the key that makes it, when a key does."""

    workspace_id: UUID
    key_id: UUID
    limits: Sequence[dict[str, Any]]
    made_by_key_id: UUID | None


def _key_limits_set(*, wanted: KeyLimits, actor: Any) -> None: ...


@dataclass(frozen=True)
class KeyLimitWords:
    """What a key can be limited by. `units`: how many of what is counted one typed unit is, by meter."""

    meters: Sequence[tuple[str, str]]
    windows: Sequence[tuple[str, str]]
    units: Mapping[str, int]


def _key_limit_words() -> KeyLimitWords:  # type: ignore[empty-body]
    ...


@dataclass(frozen=True)
class KeyUsage:
    """What a key used within the last `days`; `cost` as people read it."""

    days: int
    messages: int
    tokens: int
    cost: str


def _usage_of_keys(*, workspace_id: UUID, person_ref: UUID, zone: str) -> dict[UUID, KeyUsage]:  # type: ignore[empty-body]
    ...


def _hold_decided(*, hold_id: UUID, workspace_id: UUID, refusal: str) -> None: ...


def _person_signed_up(*, user_id: UUID, request: HttpRequest) -> None: ...


def _person_confirmed(*, user_id: UUID, request: HttpRequest) -> None: ...


def _runs_ended(*, workspace_id: UUID, run_ids: list[UUID]) -> set[UUID]:  # type: ignore[empty-body]
    ...


def _payments_forget_workspace(*, workspace_id: UUID) -> None: ...


def _payments_forget_person(*, subject: Subject) -> None: ...


def _running_plan(*, workspace_id: UUID) -> str:  # type: ignore[empty-body]
    ...


payments_forget_workspace = Port("payments_forget_workspace", _payments_forget_workspace)
"""A workspace is being erased: end its subscriptions at the payment service and erase its customer there. Calls the
network: outside a transaction, before its rows are erased. Safe to repeat; raises DomainError when it must be."""

payments_forget_person = Port("payments_forget_person", _payments_forget_person)
"""A person is being erased: take their address and name out of the payment service. Otherwise as for a workspace."""

running_plan = Port("running_plan", _running_plan)
"""The name of the plan that a workspace pays for at present; empty without a running subscription."""


def _owners_told(*, workspace_id: UUID, key: str, kind: str, context: dict[str, Any]) -> None: ...


owners_told = Port("owners_told", _owners_told)
"""Owe a mail of this kind, once per `key`, to whoever owns the workspace. Inside the transaction of what it tells."""


def _managers_told(*, workspace_id: UUID, key: str, kind: str, context: dict[str, Any]) -> None: ...


managers_told = Port("managers_told", _managers_told)
"""The same to whoever may manage the workspace: its owners and admins."""

runs_ended = Port("runs_ended", _runs_ended)
"""Of these runs of a workspace, those that have ended. For the check that none of them still holds anything."""

workspace_created = Port("workspace_created", _workspace_created)
"""A workspace's schema exists: give it what every workspace starts with. Runs inside the creating transaction."""

plan_wanted = Port("plan_wanted", _plan_wanted)
"""A workspace was made: give it the plan it begins with. Runs inside the creating transaction."""

seat_wanted = Port("seat_wanted", _seat_wanted)
"""So many persons are about to join, or to be invited: locks the workspace's seats until the transaction ends and
refuses what its plan does not hold. `are_held`: by their invitations, so that only those who are there stand against
them. Inside the joining transaction."""

seats_allowed = Port("seats_allowed", _seats_allowed)
"""How many seats a workspace's plan holds, to be shown; None: any number, or another is bought when somebody joins."""

seats_changed = Port("seats_changed", _seats_changed)
"""`by` persons joined a workspace, or left it when negative: inside the transaction that changes it, afterwards."""

person_signed_up = Port("person_signed_up", _person_signed_up)
"""Somebody made an account, whose address is not confirmed yet. After it is stored, in the request that did it."""

person_confirmed = Port("person_confirmed", _person_confirmed)
"""A person's first address was confirmed and their workspace made. Inside that transaction."""

close_expired_hold = Port("close_expired_hold", _close_expired_hold)
"""The lease of a hold ran out: start the run again or close it. Returns what was done: requeued | closed | kept."""

workspace_suspended = Port("workspace_suspended", _workspace_suspended)
"""A workspace was suspended, archived or is going to be deleted: end what still runs in it, by this word. Runs after
the commit."""

workspace_stopped = Port("workspace_stopped", _workspace_stopped)
"""A workspace is being erased: end all that runs or waits in it. Returns how much is still in a worker's hands."""

workspace_closing = Port("workspace_closing", _workspace_closing)
"""A workspace is going to be deleted: its plan must not be renewed meanwhile. Any number of times, outside every
transaction."""

owner_addresses = Port("owner_addresses", _owner_addresses)
"""Where mail to the owners of a workspace goes."""

mail_owed = Port("mail_owed", _mail_owed)
"""Owes a mail, in the transaction of what it tells; False when it was owed before."""

web_started = Port("web_started", _web_started)
"""The web server starts, before its processes part: load what no request should wait for and all can share."""

person_reference = Port("person_reference", _person_reference)
"""The random reference of a person, for an audit entry of an app that does not know people."""

hold_decided = Port("hold_decided", _hold_decided)
"""A hold that waited was let in (`refusal` empty: run it) or is over (close its run so). Runs after the commit."""

membership_ended = Port("membership_ended", _membership_ended)
"""A person left a workspace: end what still runs for them there. Runs after the commit."""

api_key_ended = Port("api_key_ended", _api_key_ended)
"""An API key was revoked: end what still runs or waits for it. Runs after the commit."""

assistant_names = Port("assistant_names", _assistant_names)
"""The names of a workspace's assistants, in its scope: of these ids (archived ones too), or of all that are in use."""

assistant_count = Port("assistant_count", _assistant_count)
"""How many assistants of a workspace are in use. From anywhere: it enters the workspace."""

key_limits_set = Port("key_limits_set", _key_limits_set)
"""A key is being made: give it its limits, each {meter, window, amount}, or refuse. Inside the creating transaction."""

key_limit_words = Port("key_limit_words", _key_limit_words)
"""What the form that makes a key offers as limits."""

usage_of_keys = Port("usage_of_keys", _usage_of_keys)
"""What a person's keys used in a workspace of late, by key. Two queries."""
