"""The permission table as people read it: on the page `roles`, and by `permission_matrix` in docs/accounts.md."""

from dataclasses import dataclass

from accounts.forms import SCOPE_WORDS
from accounts.members.rules import ROLE_WORDS, Role
from accounts.permissions import ROLE_PERMISSIONS, Permission

ROLES = (Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER)


@dataclass(frozen=True)
class Row:
    """`allowed`: for each of ROLES whether it may."""

    permission: Permission
    words: str
    allowed: tuple[bool, ...]


def rows() -> list[Row]:
    return [
        Row(
            permission,
            SCOPE_WORDS[permission][:1].upper() + SCOPE_WORDS[permission][1:],
            tuple(permission in ROLE_PERMISSIONS[role] for role in ROLES),
        )
        for permission in Permission
    ]


def roles() -> list[tuple[Role, str]]:
    return [(role, ROLE_WORDS[role]) for role in ROLES]


def as_markdown() -> str:
    lines = [
        f"| | | {' | '.join(ROLES)} |",
        f"|---|---|{'---|' * len(ROLES)}",
        *(
            f"| `{row.permission}` | {row.words} | {' | '.join('✓' if may else ' ' for may in row.allowed)} |"
            for row in rows()
        ),
    ]
    return "\n".join(lines) + "\n"
