from django.urls import path

from assistants.projects import api

ONE = "projects/<uuid:project_id>"

urlpatterns = [
    path("projects", api.ProjectList.as_view(), name="project-list"),
    path(ONE, api.ProjectDetail.as_view(), name="project-detail"),
    path(f"{ONE}/members", api.ProjectPeople.as_view(), name="project-people"),
    path(f"{ONE}/members/<uuid:user_id>", api.ProjectPerson.as_view(), name="project-person"),
]
