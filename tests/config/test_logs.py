"""Log lines carry the request, the workspace and the run they belong to, and nothing of what was said."""

import json
import logging
import threading

from config import logs


def test_context_is_inside_only():
    assert logs.current("run_id") == ""
    with logs.log_context(request_id="r", workspace_id="w"):
        with logs.log_context(run_id="7"):
            assert [logs.current(name) for name in logs.CONTEXT_FIELDS] == ["r", "w", "7"]
        assert logs.current("run_id") == ""
    assert logs.current("request_id") == ""


def test_context_of_one_thread_is_not_seen_in_another():
    seen = []
    with logs.log_context(request_id="mine"):
        thread = threading.Thread(target=lambda: seen.append(logs.current("request_id")))
        thread.start()
        thread.join()
    assert seen == [""]


def record(**extra) -> logging.LogRecord:
    found = logging.LogRecord("steward", logging.INFO, __file__, 1, "a constant message", (), None)
    found.__dict__.update(extra)
    return found


def test_filter_fills_what_the_record_does_not_say_itself():
    with logs.log_context(request_id="r", run_id="from-context"):
        line = record(run_id="its-own")
        assert logs.ContextFilter().filter(line)
    assert (line.request_id, line.run_id, line.workspace_id) == ("r", "its-own", "")


def test_json_lines_are_json_with_the_ids():
    import logging.config

    configuration = logs.configuration(level="INFO", as_json=True)
    formatter = logging.config.DictConfigurator(configuration).configure_formatter(
        configuration["formatters"]["json"]
    )
    line = record()
    with logs.log_context(request_id="r-1", workspace_id="w-1"):
        logs.ContextFilter().filter(line)
    found = json.loads(formatter.format(line))
    assert (found["message"], found["request_id"], found["workspace_id"]) == (
        "a constant message",
        "r-1",
        "w-1",
    )


def test_request_log_names_request_and_workspace(db, acme, owner):
    seen = {}

    class Spy(logging.Handler):
        def emit(self, line):
            logs.ContextFilter().filter(line)
            seen.update(request=line.request_id, workspace=line.workspace_id)

    from assistants import dashboard

    logger, handler, real = logging.getLogger("spied"), Spy(), dashboard._stats

    def spied(request):
        logger.warning("inside")
        return real(request)

    logger.addHandler(handler)
    dashboard._stats = spied
    try:
        owner.browser().get("/w/acme/", headers={"X-Request-Id": "from-the-caller"})
    finally:
        dashboard._stats = real
        logger.removeHandler(handler)
    assert seen == {"request": "from-the-caller", "workspace": str(acme.id)}
