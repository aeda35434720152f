"""Answers as a replica does, and starts in 50 ms: python stand_in.py PORT NAME [STATUS] [FAST]

The name has to hold `tradingkb`, as a replica's command line does. STATUS is that of /ready. FAST
is the parameter that is recommended. One whose name ends with `deaf` does not end by SIGTERM.
"""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PORT, NAME, STATUS, FAST = (*sys.argv[1:], *("200", "20")[len(sys.argv) - 3 :])
HEALTH = {"status": "ok", "version": "1", "replica": NAME, "circuit_breakers": {}}
CHECK = {"ok": STATUS == "200", "detail": "no answer: ConnectionRefusedError 111"}
READY = {"ready": STATUS == "200", "checks": {"database": CHECK}}
ANSWER: dict[str, Any] = {
    "status": "ok",
    "params": {"fast": int(FAST)},
    "expected": None,
    "confidence": None,
    "reasons": [],
    "metadata_only": False,
    "after_strict": 8,
    "after_relaxed": 8,
    "embed_model": "regime-v1",
    "collection": "kb_regime_v1_v1",
}
ANSWERS = {
    "/health": (200, HEALTH),
    "/ready": (int(STATUS), READY),
    "/kb/trials/recommend": (200, ANSWER),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body = ANSWERS.get(self.path, (404, {"detail": "no such route"}))
        data = json.dumps(body).encode()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 - as the library wants it

    def log_message(self, *_: Any) -> None:
        pass


if NAME.endswith("deaf"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
ThreadingHTTPServer(("127.0.0.1", int(PORT)), Handler).serve_forever()
