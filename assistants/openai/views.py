"""`/v1/`: OpenAI's protocol, so that any of its clients works by changing the base URL."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import permissions
from accounts.idempotency.middleware import attaches_to_runs
from accounts.permissions import Permission
from accounts.requests import MemberRequest
from assistants.openai import audio, listing, making, pictures, requests, responder, services
from assistants.openai import embeddings as embeddings_requests


@csrf_exempt
@require_POST
@attaches_to_runs
def chat_completions(request: MemberRequest) -> HttpResponse:
    permissions.check(request.member, Permission.CHAT)
    call = requests.read(request)
    run = services.earlier_run() or services.start_chat_completion(member=request.member, call=call)
    return responder.respond(request.member, run, call)


@csrf_exempt
@require_POST
def embeddings(request: MemberRequest) -> HttpResponse:
    permissions.check(request.member, Permission.CHAT)
    run = services.start_making(member=request.member, making=embeddings_requests.read(request))
    return making.respond(request.member, run, making.as_it_came)


@csrf_exempt
@require_POST
def images(request: MemberRequest) -> HttpResponse:
    member = request.member
    permissions.check(member, Permission.CHAT)
    asked, by_address = pictures.read(request)
    run = services.start_making(member=member, making=asked)
    if not by_address:
        return making.respond(member, run, making.as_it_came)
    return making.respond(
        member, run, lambda answer, ended: pictures.with_addresses(answer, member=member, run=ended)
    )


@require_safe
def made_picture(request: HttpRequest, token: str) -> HttpResponse:
    """A picture whose address was given in an answer."""
    content, media_type = pictures.open_picture(token)
    response = HttpResponse(content, content_type=media_type)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response


@csrf_exempt
@require_POST
def speech(request: MemberRequest) -> HttpResponse:
    permissions.check(request.member, Permission.CHAT)
    run = services.start_making(member=request.member, making=audio.read_speech(request))
    return making.respond(request.member, run, making.as_it_came)


@csrf_exempt
@require_POST
def transcriptions(request: MemberRequest) -> HttpResponse:
    permissions.check(request.member, Permission.CHAT)
    run = services.start_making(member=request.member, making=audio.read_transcription(request))
    return making.respond(request.member, run, making.as_it_came)


@csrf_exempt
@require_GET
def models(request: MemberRequest) -> HttpResponse:
    permissions.check(request.member, Permission.VIEW)
    return JsonResponse({"object": "list", "data": listing.rows(request.member)})


@csrf_exempt
@require_GET
def model(request: MemberRequest, name: str) -> HttpResponse:
    permissions.check(request.member, Permission.VIEW)
    return JsonResponse(listing.get(request.member, name))
