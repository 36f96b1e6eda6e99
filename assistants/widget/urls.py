from django.urls import path

from assistants.widget import views

ONE = "<uuid:assistant_id>/"

urlpatterns = [
    path(f"{ONE}widget/", views.widget, name="assistant-widget"),
    path(f"{ONE}visitors/", views.talk_list, name="widget-talks"),
    path(f"{ONE}visitors/<uuid:conversation_id>/", views.talk, name="widget-talk"),
    path(f"{ONE}visitors/<uuid:conversation_id>/erase/", views.talk_erase, name="widget-talk-erase"),
]
