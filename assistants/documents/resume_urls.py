from django.urls import path

from assistants.documents import resume_views

urlpatterns = [
    path("", resume_views.resume, name="resume"),
    path("profile/", resume_views.resume_profile, name="resume-profile"),
    path("fill/", resume_views.resume_fill, name="resume-fill"),
]
