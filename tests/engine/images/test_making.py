"""Images that are made here, and what is left when that fails."""

import gzip
import http.server
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxship.engine.state.database import Transaction
from boxship.engine.storage.errors import StorageFullError
from boxship.engine.storage.service import StorageService
from boxship.errors import ConflictError, InternalError, InvalidParameterError, NotFoundError
from boxship.oci.image import ExecutionConfig
from tests.engine.images.conftest import House
from tests.support.archives import archive, member
from tests.support.certs import Authority
from tests.support.layers import captured, joined
from tests.support.snapshots import disk

TAR = archive([member("etc", "dir"), member("etc/own", data=b"own" * 40_000)])


class _Web(http.server.BaseHTTPRequestHandler):
    """``/tar``, ``/tar.gz``, ``/moved`` to it, ``/loop`` to itself, ``/short``; no more."""

    def do_GET(self) -> None:
        if self.path in ("/moved", "/loop"):
            self.send_response(302)
            self.send_header("Location", "/tar.gz" if self.path == "/moved" else "/loop")
            self.end_headers()
            return
        body = {"/tar": TAR, "/short": TAR, "/tar.gz": gzip.compress(TAR)}.get(self.path)
        self.send_response(404 if body is None else 200)
        sent = body or b""
        self.send_header("Content-Length", str(len(sent) + (self.path == "/short")))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Run a web server; give its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def web() -> Iterator[str]:
    """A web server; its URL."""
    with serving() as address:
        yield f"http://{address}"


@pytest.fixture
def web_tls(authority: Authority) -> Iterator[str]:
    """A web server with a certificate of the tests' authority; its URL."""
    certificate = authority.server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.cert_path, certificate.key_path)
    with serving(context) as address:
        yield f"https://{address}"


@pytest.mark.parametrize("path", ["tar", "tar.gz", "moved"])
async def test_import_of_a_url(house: House, web: str, path: str) -> None:
    url = f"{web}/{path}"
    image = await house.images.import_(url, repository="web:1", progress=house.messages.append)
    assert house.said()[0] == f"Downloading from {url}"
    assert house.said()[-1] == image.id
    assert image.config.history[0].comment == f"Imported from {url}"
    assert image.blobs[0].diff_id == house.storage.layer(image.chain_ids[0]).diff_id
    assert image.size == 120_000


async def test_import_by_https(
    house: House, web_tls: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root.cert_path))
    image = await house.images.import_(f"{web_tls}/tar", progress=lambda _: None)
    assert image.size == 120_000


async def test_import_from_a_server_nobody_vouches_for(house: House, web_tls: str) -> None:
    with pytest.raises(InternalError, match="failed to verify certificate"):
        await house.images.import_(f"{web_tls}/tar", progress=lambda _: None)


async def test_a_url_without_scheme_is_http(house: House, web: str) -> None:
    await house.images.import_(web.removeprefix("http://") + "/tar", progress=lambda _: None)


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("none", NotFoundError, "the server answered with status 404"),
        ("loop", InvalidParameterError, "stopped after 10 redirects"),
        ("short", InternalError, "the connection broke off"),
    ],
)
async def test_downloads_that_fail(
    house: House, web: str, path: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        await house.images.import_(f"{web}/{path}", progress=lambda _: None)
    await house.images.settle()
    assert house.leftovers() == ([], [])


async def test_other_schemes_are_refused(house: House) -> None:
    with pytest.raises(InvalidParameterError, match="give an http or https URL"):
        await house.images.import_("ftp://host/tar", progress=lambda _: None)


async def test_a_commit_whose_container_goes_leaves_nothing(house: House) -> None:
    def gone(_tx: Transaction, _image_id: str, _name: str) -> None:
        raise ConflictError("it is being removed")

    with pytest.raises(ConflictError):
        await house.images.commit(
            lambda: captured(house.storage, None, {"new": b"x"}),
            execution=ExecutionConfig(),
            repository="made:1",
            record=gone,
        )
    await house.images.settle()
    assert house.leftovers() == ([], [])
    assert house.images.find("made:1") is None


async def test_save_of_a_layer_without_archive_gives_the_same_bytes(house: House) -> None:
    image = await house.images.commit(
        lambda: captured(house.storage, None, {"a/b": b"x" * 2_000_000}),
        execution=ExecutionConfig(),
        repository="made:1",
    )
    first = await joined(await house.images.save(["made:1"]))
    assert first == await joined(await house.images.save(["made:1"]))
    assert not house.storage.content.has(image.blobs[0].digest)
    assert first.count(b"x" * 2_000_000) == 1
    assert image.blobs[0].size == len(b"".join(house.storage.open_layer_tar(image.chain_ids[0])))


def test_a_full_disk_ends_a_capture(tmp_path: Path) -> None:
    with disk(tmp_path, "ext4", 24) as path:
        storage = StorageService(path / "root", "overlay2")
        try:
            storage.create_container("one", None)
            root = storage.mount_container("one")
            (root / "large").write_bytes(os.urandom(12 << 20))
            with pytest.raises(StorageFullError, match="committing a container"):
                storage.capture_container("one")
            assert list(storage.layers()) == []
            (root / "large").unlink()
            (root / "small").write_bytes(b"x")
            storage.wait_background()
            storage.capture_container("one")
        finally:
            storage.remove_container("one")
            storage.wait_background()
            storage.close()


def test_holes_stay_holes(tmp_path: Path) -> None:
    storage = StorageService(tmp_path / "root", "overlay2")
    storage.create_container("one", None)
    try:
        sparse = storage.mount_container("one") / "sparse"
        with sparse.open("wb") as file:
            file.write(b"begin")
            file.truncate(40 << 20)
        captured_layer = storage.capture_container("one")
        tree = storage._driver.layout.layer_tree(captured_layer.info.chain_id)
        status = (tree / "sparse").stat()
        assert status.st_size == 40 << 20
        assert status.st_blocks * 512 < 4 << 20
    finally:
        storage.remove_container("one")
        storage.wait_background()
        storage.close()
