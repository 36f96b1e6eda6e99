from django.conf import settings
from django.urls import path

from assistants.widget import public_views as views

ONE = "<str:public_id>/"

urlpatterns = [
    path("<str:public_id>.js", views.loader, name="embed-loader"),
    path(f"{ONE}visitor", views.visitor, name="embed-visitor"),
    path(f"{ONE}messages", views.talk, name="embed-messages"),
    path(f"{ONE}messages/<uuid:message_id>", views.answer, name="embed-answer"),
    path(f"{ONE}runs/<uuid:run_id>/events", views.events, name="embed-events"),
    path(f"{ONE}runs/<uuid:run_id>/stop", views.stop, name="embed-stop"),
]
if settings.DEMO:
    urlpatterns += [path("demo/", views.demo, name="embed-demo")]
urlpatterns += [path(ONE, views.frame, name="embed-frame")]
