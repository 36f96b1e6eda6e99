"""The named points of a run's life at which processes are killed: where each one is, and the load that comes there.

`at` is `module:function`; `when` says whether the point is just before or just after that function. Nothing of the
product knows about points: `bench.points.hook` wraps these functions in the processes of a stack under test.
"""

from dataclasses import dataclass
from typing import Literal

WEB, LLM, WORKER, BEAT = "web", "worker-llm", "worker", "beat"
When = Literal["before", "after"]


@dataclass(frozen=True)
class Point:
    """`process`: where it happens. `nth`: the how manieth call of the function since it was armed."""

    name: str
    process: str
    when: When
    at: str
    load: str = "plain"
    nth: int = 1

    @property
    def module(self) -> str:
        return self.at.partition(":")[0]

    @property
    def function(self) -> str:
        return self.at.partition(":")[2]


HOLDS = "usage.holds.services"
RUNS = "assistants.runs.services"
CHAT = "assistants.chat.services"
ENGINE = "assistants.runs.engine:Engine"
PUBLISHER = "assistants.runs.publisher:Publisher"
HUB = "assistants.runs.hub:Hub"
TURNS = "assistants.runs.turns"
TIDY = "assistants.runs.housekeeping"
SWEEP = "assistants.runs.sweep"
LOG = "usage.receipts.sequencer"

POINTS = (
    # The question is accepted.
    Point("web-before-hold", WEB, "before", f"{HOLDS}:open_hold"),
    Point("web-after-hold-in-transaction", WEB, "after", f"{HOLDS}:open_hold"),
    Point("web-before-commit", WEB, "after", f"{CHAT}:_ask"),
    Point("web-after-commit-before-enqueue", WEB, "before", f"{RUNS}:enqueue"),
    Point("web-after-enqueue", WEB, "after", f"{RUNS}:enqueue"),
    Point("web-before-201", WEB, "before", "config.asgi:_send_whole"),
    Point("web-after-201", WEB, "after", "config.asgi:_send_whole"),
    Point("web-viewer-subscribed", WEB, "after", f"{HUB}._subscribe"),
    Point("web-event-passed-on", WEB, "after", f"{HUB}._resolve", nth=8),
    # A worker takes it.
    Point("llm-message-received", LLM, "before", "celery.worker.request:Request.acknowledge"),
    Point("llm-message-acknowledged", LLM, "after", "celery.worker.request:Request.acknowledge"),
    Point("llm-before-claim", LLM, "before", f"{HOLDS}:claim"),
    Point("llm-after-claim", LLM, "after", f"{HOLDS}:claim"),
    Point("llm-before-begin", LLM, "before", f"{RUNS}:begin_run"),
    Point("llm-after-begin", LLM, "after", f"{RUNS}:begin_run"),
    # The provider answers.
    Point("llm-before-request", LLM, "before", "assistants.runs.attempts:_once"),
    Point("llm-headers-received", LLM, "before", "assistants.llm.chat:_chunks"),
    Point("llm-before-first-text", LLM, "before", f"{PUBLISHER}.add_text"),
    Point("llm-first-text-published", LLM, "after", f"{PUBLISHER}._flush", nth=2),
    Point("llm-mid-stream", LLM, "after", f"{PUBLISHER}.add_text", nth=60),
    Point("llm-before-text-saved", LLM, "before", f"{TIDY}:_save_texts", load="long"),
    Point("llm-after-text-saved", LLM, "after", f"{TIDY}:_save_texts", load="long"),
    Point("llm-before-renewal", LLM, "before", f"{HOLDS}:renew", load="slow"),
    Point("llm-after-renewal", LLM, "after", f"{HOLDS}:renew", load="slow"),
    Point("llm-before-extend", LLM, "before", f"{HOLDS}:extend", load="long"),
    Point("llm-after-extend", LLM, "after", f"{HOLDS}:extend", load="long"),
    Point("llm-last-chunk", LLM, "before", "assistants.llm.chat:_drain"),
    # The end is written.
    Point("llm-before-end", LLM, "before", f"{RUNS}:finish_run"),
    Point("llm-before-settlement-in-transaction", LLM, "before", f"{HOLDS}:settle"),
    Point("llm-settled-in-transaction", LLM, "after", f"{HOLDS}:settle"),
    Point("llm-receipt-written-in-transaction", LLM, "after", "usage.receipts.services:issue"),
    Point("llm-before-commit", LLM, "after", f"{RUNS}:_save_end"),
    Point("llm-committed-before-wake", LLM, "before", "usage.receipts.services:wake_sequencer"),
    Point("llm-after-commit", LLM, "after", f"{RUNS}:finish_run"),
    Point("llm-before-done-event", LLM, "before", f"{ENGINE}.finish"),
    Point("llm-after-done-event", LLM, "after", f"{PUBLISHER}.finish"),
    Point("llm-task-over", LLM, "after", f"{TURNS}:execute"),
    # A person stops it.
    Point("web-before-stop", WEB, "before", f"{HOLDS}:request_stop", load="stop"),
    Point("web-stop-in-transaction", WEB, "after", f"{HOLDS}:request_stop", load="stop"),
    Point("llm-stop-seen", LLM, "before", f"{ENGINE}.end", load="stop"),
    Point("llm-stopped-before-end", LLM, "before", f"{RUNS}:finish_run", load="stop"),
    # The provider fails.
    Point("llm-provider-refused", LLM, "after", "assistants.llm.errors:from_sdk", load="refused-once"),
    Point("llm-provider-cut-before-end", LLM, "before", f"{RUNS}:finish_run", load="cut"),
    # Somebody waits for others' holds.
    Point("llm-before-let-in-enqueued", LLM, "before", f"{RUNS}:decide_waiting", load="waiting"),
    Point("llm-after-let-in-enqueued", LLM, "after", f"{RUNS}:decide_waiting", load="waiting"),
    Point("llm-before-refusal-closed", LLM, "before", f"{RUNS}:_close_waiting", load="used-up"),
    Point("llm-refusal-in-transaction", LLM, "after", f"{HOLDS}:end_waiting", load="used-up"),
    Point("llm-before-refusal-announced", LLM, "before", "assistants.runs.endings:announce", load="used-up"),
    # Receipts are numbered and signed.
    Point("worker-before-numbering", WORKER, "before", f"{LOG}:sequence", load="spread"),
    Point("worker-numbering-in-transaction", WORKER, "after", f"{LOG}:number_batch", load="spread"),
    Point("worker-after-numbering", WORKER, "after", f"{LOG}:sequence", load="spread"),
    Point("web-checkpoint-signed", WEB, "after", "usage.receipts.keys:sign_note", load="checkpoint"),
    # The sweep.
    Point("beat-before-tick", BEAT, "before", "celery.beat:Scheduler.apply_async", load="slow"),
    Point("beat-after-tick", BEAT, "after", "celery.beat:Scheduler.apply_async", load="slow"),
    Point("worker-before-sweep", WORKER, "before", "usage.holds.queries:list_due", load="slow"),
    Point("worker-unclaimed-before-enqueue", WORKER, "before", f"{RUNS}:enqueue", load="unqueued"),
    Point("worker-unclaimed-postponed", WORKER, "after", f"{HOLDS}:postpone_wake", load="unqueued"),
    Point("worker-lost-run-claimed", WORKER, "after", f"{HOLDS}:claim", load="lost-early"),
    Point("worker-lost-run-given-back", WORKER, "after", f"{HOLDS}:give_back", load="lost-early"),
    Point("llm-second-attempt-begun", LLM, "after", f"{RUNS}:begin_run", load="lost-early"),
    Point("worker-before-lost-run-closed", WORKER, "before", f"{RUNS}:finish_run", load="lost-late"),
    Point("worker-after-lost-run-closed", WORKER, "after", f"{RUNS}:finish_run", load="lost-late"),
)
BY_NAME = {point.name: point for point in POINTS}
