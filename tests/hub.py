"""A small stand-in for the Hugging Face hub on this machine, for the real clients to talk to.

It has the parts of the API that `huggingface_hub` and `datasets` ask for when they read: what a
repository is, what files it has, and the files. It serves what a test puts there, from memory.
"""

import hashlib
import io
import json
import multiprocessing
import os
import tempfile
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq


class Hub:
    """What is on the hub, and how it misbehaves; `asked` has the method and path of each request."""

    def __init__(self):
        self.repositories: dict[str, dict[str, dict[str, bytes]]] = {}
        self.moved: dict[str, str] = {}  # to which name another one leads
        self.gated: set[str] = set()
        self.hanging: set[str] = set()
        self.failing: Counter[str] = Counter()  # how many answers of a repository are 500
        self.refused: set[str] = set()  # where a login is not accepted
        self.asked: list[str] = []
        self.stop = threading.Event()

    def put(self, kind: str, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Add a repository of "datasets" or "models", or a revision of one; gives its commit."""
        self.repositories.setdefault(f"{kind}/{name}", {})[revision] = files
        return commit_of(files)

    def put_tables(self, name: str, tables: dict[str, dict], revision: str = "main") -> str:
        """A data set with a card: the columns of "<config>/<split>"."""
        card, files = ["---", "configs:"], {}
        for config in dict.fromkeys(path.split("/")[0] for path in tables):
            card += [f"- config_name: {config}", "  data_files:"]
            for path in (path for path in tables if path.startswith(f"{config}/")):
                files[f"{path}-00000-of-00001.parquet"] = as_parquet(tables[path])
                card += [f"  - split: {path.split('/')[1]}", f"    path: {path}-*"]
        files["README.md"] = "\n".join([*card, "---", ""]).encode()
        return self.put("datasets", name, files, revision)

    def revision(self, repository: str, tail: list[str]):
        """(files, the rest of a path) of a revision, which may hold slashes or be a commit."""
        for n in range(len(tail), 0, -1):
            for name, files in self.repositories[repository].items():
                if "/".join(tail[:n]) in (name, commit_of(files)):
                    return files, "/".join(tail[n:])
        return None, None


def as_parquet(columns: dict | pa.Table) -> bytes:
    written = io.BytesIO()
    pq.write_table(columns if isinstance(columns, pa.Table) else pa.table(columns), written)
    return written.getvalue()


def commit_of(files: dict[str, bytes]) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_):
        pass

    def do_GET(self):
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        self.hub.asked.append(f"{self.command} {'/'.join(parts)}")
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        api = parts[0] == "api"
        parts = parts[api:]
        kind = parts.pop(0) if parts[0] in ("datasets", "models") else "models"
        if parts[0] in self.hub.moved:
            where = self.path.replace(parts[0], self.hub.moved[parts[0]], 1)
            return self.send(307, b"", [("Location", where)])
        name, rest = "/".join(parts[:2]), parts[2:]
        repository = f"{kind}/{name}"
        if name in self.hub.hanging:
            self.hub.stop.wait(60)
        if self.hub.failing[name] > 0:
            self.hub.failing[name] -= 1
            return self.error(500, "", "Internal Server Error")
        if name in self.hub.refused:
            return self.error(401, "", "Invalid credentials in Authorization header")
        if repository not in self.hub.repositories:
            return self.error(401, "RepoNotFound", "Repository not found")
        what = rest.pop(0) if rest else "revision"
        if what == "auth-check" and name not in self.hub.gated:
            return self.send_json({})
        files, path = self.hub.revision(repository, rest or ["main"])
        if files is None:
            return self.error(404, "RevisionNotFound", "Invalid rev id")
        if name in self.hub.gated and (what == "auth-check" or not api):
            return self.error(403, "GatedRepo", f"Access to {name} is restricted.")
        if api:
            return self.answer_api(what, name, files, path)
        return self.send_file(files, path)

    do_HEAD = do_POST = do_GET

    def answer_api(self, what: str, name: str, files: dict, path: str):
        if what == "tree":
            deep = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])[0].lower()
            before = f"{path}/" if path else ""
            inside = [file for file in files if file.startswith(before)]
            if not inside:
                return self.error(404, "EntryNotFound", f"{path} does not exist")
            shown = inside
            if deep not in ("true", "1"):
                names = (file.removeprefix(before).split("/")[0] for file in inside)
                shown = dict.fromkeys(before + name for name in names)
            return self.send_json([entry(file, files) for file in shown])
        if what == "paths-info":
            try:
                wanted = json.loads(self.body)["paths"]
            except ValueError:
                wanted = parse_qs(self.body.decode())["paths"]
            wanted = [wanted] if isinstance(wanted, str) else wanted
            there = [w for w in wanted if any(f == w or f.startswith(f"{w}/") for f in files)]
            return self.send_json([entry(path, files) for path in there])
        return self.send_json({
            "id": name, "sha": commit_of(files), "private": False, "tags": [], "downloads": 0, "likes": 0,
            "gated": "manual" if name in self.hub.gated else False, "disabled": False,
            "siblings": [{"rfilename": f, "size": len(content)} for f, content in files.items()],
        })  # fmt: skip

    def send_file(self, files: dict[str, bytes], path: str):
        named = [("X-Repo-Commit", commit_of(files))]
        if path not in files:
            return self.error(404, "EntryNotFound", "Entry not found", named)
        content, status = files[path], 200
        named += [("ETag", f'"{hashlib.sha256(content).hexdigest()}"'), ("Accept-Ranges", "bytes")]
        if span := self.headers.get("Range"):
            first, _, last = span.removeprefix("bytes=").partition("-")
            size, status = len(content), 206
            start = int(first) if first else size - int(last)
            end = min(int(last), size - 1) if first and last else size - 1
            content = content[start : end + 1]
            named.append(("Content-Range", f"bytes {start}-{end}/{size}"))
        self.send(status, content, named)

    def error(self, status: int, code: str, text: str, named=()):
        named = [*named, ("X-Error-Code", code), ("X-Error-Message", text)]
        self.send(status, json.dumps({"error": text}).encode(), named)

    def send_json(self, answer):
        self.send(200, json.dumps(answer).encode(), [("Content-Type", "application/json")])

    def send(self, status: int, content: bytes, named):
        self.send_response(status)
        for key, value in [*named, ("Content-Length", str(len(content)))]:
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def entry(path: str, files: dict[str, bytes]) -> dict:
    if path not in files:
        return {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}
    oid = hashlib.sha1(files[path]).hexdigest()
    return {"type": "file", "path": path, "oid": oid, "size": len(files[path])}


@contextmanager
def served():
    """A Hub, its address, and nothing else of the network."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        hub.stop.set()
        server.shutdown()
        server.server_close()


@contextmanager
def user(address: str, home: str | None = None, **environment: str):
    """A process of its own that has the hub at an address: clients read it once, when imported.

    Gives a function that calls another one there, of a module that pytest can import; `wait=False`
    leaves it at work.
    """
    with tempfile.TemporaryDirectory() as own:
        settings = {"HF_ENDPOINT": address, "HF_HOME": home or own, "no_proxy": "127.0.0.1",
                    "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1"}  # fmt: skip
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn, _enter, (settings | environment,)) as pool:

            def do(call, *asked, wait=True):
                future = pool.submit(call, *asked)
                return future.result(timeout=300) if wait else future

            yield do


def _enter(settings: dict[str, str]) -> None:
    for name in ("ISOMORPH_MIRROR", "HF_HUB_OFFLINE", "HF_TOKEN"):
        os.environ.pop(name, None)
    os.environ.update(settings)
