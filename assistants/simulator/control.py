"""What people and tests may ask the simulation itself, outside the provider's protocol."""

from __future__ import annotations

import html
import time

from assistants.simulator import catalogue
from assistants.simulator.books import Books
from assistants.simulator.connections import Exchange, Request
from assistants.simulator.wire import dump

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Simulated model provider</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body>
<h1>Simulated model provider</h1>
<p>This is a <strong>simulation</strong>. It speaks OpenAI's protocol under <code>/v1</code>, but no model
answers: texts, vectors, images and sounds are computed from the request. Set <code>OPENAI_API_KEY</code> for
a real provider.</p>
<p>Models: {models}</p>
<table>
<caption>Served since the last reset ({open} open now)</caption>
<tr><th>Kind</th><th>Model</th><th>Requests</th><th>Input tokens</th><th>Output tokens</th></tr>
{rows}
</table>
<p>For scripts: <a href="/_sim/counters">counters</a>, <a href="/_sim/requests">requests</a>,
<a href="/_sim/health">health</a>.</p>
</body>
</html>
"""


class Control:
    """Answers everything outside `/v1`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._started = time.monotonic()

    def serve(self, request: Request, exchange: Exchange) -> None:
        match request.method, request.path:
            case "GET", "/":
                exchange.reply(200, "text/html; charset=utf-8", self._page().encode())
            case "GET", "/_sim/health":
                uptime = round(time.monotonic() - self._started, 3)
                _send(
                    exchange,
                    {"status": "ok", "simulated": True, "open": self._books.open, "uptime_seconds": uptime},
                )
            case "GET", "/_sim/counters":
                _send(exchange, self._books.list_counters())
            case "GET", "/_sim/requests":
                query = request.query
                found = self._books.list_records(
                    key=query.get("key", ""), client_request_id=query.get("client_request_id", "")
                )
                _send(exchange, {"requests": list(found)})
            case "POST", "/_sim/reset":
                self._books.reset()
                _send(exchange, {"status": "reset"})
            case _:
                _send(
                    exchange,
                    {"error": {"message": "Not found.", "type": "invalid_request_error"}},
                    status=404,
                )

    def _page(self) -> str:
        rows = "\n".join(
            f"<tr><td>{html.escape(kind)}</td><td>{html.escape(model)}</td><td>{total['requests']}</td>"
            f"<td>{total['input_tokens']}</td><td>{total['output_tokens']}</td></tr>"
            for (kind, model), total in sorted(self._books.totals.items())
        )
        models = ", ".join(f"<code>{html.escape(model)}</code>" for model in catalogue.MODELS)
        return PAGE.format(models=models, rows=rows, open=self._books.open)


def _send(exchange: Exchange, answer: dict[str, object], *, status: int = 200) -> None:
    exchange.reply(status, "application/json", dump(answer), {"cache-control": "no-store"})
