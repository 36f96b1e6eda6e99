from django.urls import path

from assistants.projects import views

urlpatterns = [
    path("", views.project_list, name="projects"),
    path("new/", views.project_create, name="project-create"),
    path("<uuid:project_id>/", views.project, name="project"),
    path("<uuid:project_id>/edit/", views.project_edit, name="project-edit"),
    path("<uuid:project_id>/members/", views.project_members, name="project-members"),
    path("<uuid:project_id>/members/add/", views.project_member_add, name="project-member-add"),
    path(
        "<uuid:project_id>/members/<uuid:user_id>/remove/",
        views.project_member_remove,
        name="project-member-remove",
    ),
    path("<uuid:project_id>/archive/", views.project_archive, name="project-archive"),
]
