from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import queries, services
from accounts.forms import ApiKeyForm
from accounts.permissions import Member
from config import errors
from tenants import audit
from tenants.scope import get_ref


class Command(BaseCommand):
    help = "Makes an API key of a member and prints it, this once; nothing else goes to standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workspace", required=True, metavar="SLUG")
        parser.add_argument("--email", required=True, help="whose key it is")
        parser.add_argument("--name", required=True, help="where it is used")
        parser.add_argument("--scopes", required=True, help="comma-separated, for example chat,view")
        parser.add_argument("--expires-on", default="", metavar="YYYY-MM-DD", help="its last day (UTC)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(_create(options))
        except errors.DomainError as error:
            raise CommandError(error.message) from error


def _create(options: dict[str, Any]) -> str:
    member = _member(slug=options["workspace"], email=options["email"])
    scopes = [scope.strip() for scope in options["scopes"].split(",") if scope.strip()]
    data = {"name": options["name"], "scopes": scopes, "expires_on": options["expires_on"]}
    form = ApiKeyForm(data, allowed=member.permissions)
    if not form.is_valid():
        raise CommandError(
            "\n".join(f"{field}: {' '.join(map(str, words))}" for field, words in form.errors.items())
        )
    _, text = services.create_api_key(
        member=member,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        expires_at=form.expires_at,
        actor=audit.SYSTEM,
    )
    return text


def _member(*, slug: str, email: str) -> Member:
    workspace = get_ref(slug=slug)
    user = queries.get_user_by_email(email)
    found = user and queries.get_member(user_id=user.id, workspace_id=workspace.id, session_key=None)
    if user is None or not user.is_active or not found:
        raise CommandError(f"{email} is no member of {slug} who may sign in.")
    return found
