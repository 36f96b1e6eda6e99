from django.urls import path

from assistants.library import share_views

urlpatterns = [path("<str:token>/", share_views.shared, name="shared")]
