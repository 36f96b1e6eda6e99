from django.urls import path

from assistants.documents import resume_api
from assistants.generation import api

urlpatterns = [
    path("chat", api.Chat.as_view(), name="chat"),
    path("ask", api.Ask.as_view(), name="ask"),
    path("generate", api.Generate.as_view(), name="generate"),
    path("analyze", api.Analyze.as_view(), name="analyze"),
    path("resume", resume_api.Resume.as_view(), name="resume"),
    path("resume/profile", resume_api.ResumeProfileDetail.as_view(), name="resume-profile"),
    path("resume/fill", resume_api.ResumeFill.as_view(), name="resume-fill"),
    path("runs/<uuid:run_id>/result", api.RunResult.as_view(), name="run-result"),
]
