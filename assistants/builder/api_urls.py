from django.urls import path

from assistants.builder import api, extras_api

ONE = "assistants/<uuid:assistant_id>"
VERSION = f"{ONE}/versions/<uuid:version_id>"

urlpatterns = [
    path("assistants", api.AssistantList.as_view(), name="assistant-list"),
    path("assistants/trials", extras_api.TrialList.as_view(), name="assistant-trials"),
    path("assistant-templates", extras_api.TemplateList.as_view(), name="assistant-templates"),
    path(ONE, api.AssistantDetail.as_view(), name="assistant-detail"),
    path(f"{ONE}/avatar", extras_api.AssistantAvatar.as_view(), name="assistant-avatar"),
    path(f"{ONE}/feedback", extras_api.AssistantFeedback.as_view(), name="assistant-feedback"),
    path(f"{ONE}/duplicate", api.AssistantDuplicate.as_view(), name="assistant-duplicate"),
    path(f"{ONE}/unarchive", api.AssistantUnarchive.as_view(), name="assistant-unarchive"),
    path(f"{ONE}/pin", api.AssistantUnpin.as_view(), name="assistant-unpin"),
    path(f"{ONE}/versions", api.AssistantVersions.as_view(), name="assistant-versions"),
    path(VERSION, extras_api.AssistantVersionDetail.as_view(), name="assistant-version"),
    path(f"{VERSION}/restore", api.AssistantRestore.as_view(), name="assistant-restore"),
    path(f"{VERSION}/pin", api.AssistantPin.as_view(), name="assistant-pin"),
]
