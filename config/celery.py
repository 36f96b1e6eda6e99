"""The Celery application. Redis only wakes workers: what must happen stands in PostgreSQL (docs/turns.md)."""

import os

from celery import Celery
from celery.schedules import crontab
from kombu import Queue

from config import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

SWEEP_SECONDS = 5
FOLD_SECONDS = 30
WATCH_SECONDS = 20
SEQUENCE_SECONDS = 10
RETRY_SECONDS = 60
DELIVERY_SECONDS = 3

TASKS = ["tenants.tasks", "accounts.tasks", "usage.tasks", "billing.tasks", "assistants.runs.tasks"]
TASKS += ["assistants.retention.tasks", "assistants.documents.tasks", "assistants.library.tasks"]
TASKS += ["assistants.recall.tasks", "assistants.memory.tasks", "assistants.titles.tasks"]
TASKS += ["assistants.chat.tasks", "assistants.widget.tasks"]
SIMULATED = {}
if env.flag("STRIPE_SIMULATED"):
    TASKS.append("billing.simulator.tasks")
    SIMULATED = {
        "deliver-simulated-events": {
            "task": "billing.simulator.tasks.deliver_events",
            "schedule": DELIVERY_SECONDS,
            "options": {"expires": DELIVERY_SECONDS},
        }
    }

app = Celery("steward")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    task_queues=[Queue(name, routing_key=name) for name in ("llm", "default", "billing", "documents")],
    task_default_queue="default",
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    # A failed publish must not hold a request: the sweeper enqueues what Redis did not take.
    task_publish_retry=False,
    broker_transport_options={
        "visibility_timeout": 3600,
        "max_connections": 1000,
        # One more try after 0.1 s, then the error: the default waits six seconds.
        "max_retries": 1,
        "interval_start": 0.1,
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    },
    beat_schedule={
        "sweep-leases": {
            "task": "usage.tasks.sweep_leases",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": 10},
        },
        "write-statements": {
            "task": "usage.tasks.write_statements",
            "schedule": crontab(minute=20),
            "options": {"expires": 1800},
        },
        "forget-invitations": {
            "task": "accounts.tasks.forget_invitations",
            "schedule": crontab(hour=3, minute=25),
            "options": {"expires": 3600},
        },
        "forget-idempotent-calls": {
            "task": "accounts.tasks.forget_idempotent_calls",
            "schedule": crontab(minute=45),
            "options": {"expires": 1800},
        },
        "sweep-privacy": {
            "task": "accounts.tasks.sweep_privacy",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "close-books": {
            "task": "usage.tasks.close_books",
            "schedule": crontab(hour=1, minute=40),
            "options": {"expires": 3600},
        },
        "check-invariants": {
            "task": "usage.tasks.check_invariants",
            "schedule": crontab(minute="*/10"),
            "options": {"expires": 300},
        },
        "continue-corrections": {
            "task": "usage.tasks.continue_corrections",
            "schedule": 60,
            "options": {"expires": 30},
        },
        "fold-rollups": {
            "task": "usage.tasks.fold_rollups",
            "schedule": FOLD_SECONDS,
            "options": {"expires": FOLD_SECONDS},
        },
        "watch-spend": {
            "task": "usage.tasks.watch_spend",
            "schedule": WATCH_SECONDS,
            "options": {"expires": WATCH_SECONDS},
        },
        "sequence-logs": {
            "task": "usage.tasks.sequence_logs",
            "schedule": SEQUENCE_SECONDS,
            "options": {"expires": 10},
        },
        "invoice-milestones": {
            "task": "billing.tasks.invoice_milestones",
            "schedule": crontab(minute="*/5"),
            "options": {"expires": 240},
        },
        "retry-events": {
            "task": "billing.tasks.retry_events",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "reconcile-billing": {
            "task": "billing.tasks.reconcile_billing",
            "schedule": crontab(minute=35),
            "options": {"expires": 1800},
        },
        "remind-billing": {
            "task": "billing.tasks.remind",
            "schedule": crontab(minute=10),
            "options": {"expires": 1800},
        },
        "restrict-overdue": {
            "task": "billing.tasks.restrict_due",
            "schedule": crontab(minute="*/10"),
            "options": {"expires": 300},
        },
        "send-mails": {
            "task": "accounts.tasks.send_mails",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "credit-referrals": {
            "task": "billing.tasks.credit_referrals",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "tell-usage": {
            "task": "billing.tasks.tell_usage",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "find-untold-usage": {
            "task": "billing.tasks.find_untold_usage",
            "schedule": crontab(hour=1, minute=15),
            "options": {"expires": 1200},
        },
        "tend-usage": {
            "task": "billing.tasks.tend_usage",
            "schedule": crontab(minute=50),
            "options": {"expires": 1800},
        },
        "release-deals": {
            "task": "billing.tasks.release_deals",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "refund-deals": {
            "task": "billing.tasks.refund_deals",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "mail-checkpoints": {
            "task": "usage.tasks.mail_all_checkpoints",
            "schedule": crontab(hour="5", minute="30"),
            "options": {"expires": 3600},
        },
        "erase-workspaces": {
            "task": "tenants.tasks.erase_workspaces",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "tend-deletions": {
            "task": "tenants.tasks.tend_deletions",
            "schedule": crontab(minute=25),
            "options": {"expires": 1800},
        },
        "forget-visitors": {
            "task": "assistants.widget.tasks.forget_visitors",
            "schedule": crontab(hour=2, minute=50),
            "options": {"expires": 3600},
        },
        "apply-retention": {
            "task": "assistants.retention.tasks.apply_retention",
            "schedule": crontab(hour=2, minute=20),
            "options": {"expires": 3600},
        },
        "sweep-documents": {
            "task": "assistants.documents.tasks.sweep_documents",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "sweep-follow-ups": {
            "task": "assistants.chat.tasks.sweep_follow_ups",
            "schedule": RETRY_SECONDS,
            "options": {"expires": RETRY_SECONDS},
        },
        "embed-missing": {
            "task": "assistants.recall.tasks.embed_missing",
            "schedule": crontab(minute=5),
            "options": {"expires": 1800},
        },
        "purge-deleted-conversations": {
            "task": "assistants.library.tasks.purge_deleted",
            "schedule": crontab(hour=2, minute=50),
            "options": {"expires": 3600},
        },
        "sweep-webhooks": {
            "task": "tenants.tasks.sweep_webhooks",
            "schedule": SWEEP_SECONDS,
            "options": {"expires": SWEEP_SECONDS},
        },
        "forget-webhooks": {
            "task": "tenants.tasks.forget_webhooks",
            "schedule": crontab(hour=3, minute=5),
            "options": {"expires": 3600},
        },
        "recheck-domains": {
            "task": "tenants.tasks.recheck_domains",
            "schedule": crontab(hour="4", minute="15"),
            "options": {"expires": 3600},
        },
        **SIMULATED,
    },
)
app.autodiscover_tasks(TASKS, related_name=None)  # type: ignore[arg-type]
