"""Collection of what nothing leads to, while the registry serves."""

import os
import re
import subprocess
import sys

from boxship.oci import media_types
from tests.engine.registry.conftest import StartRegistry
from tests.support.distribution import Repository, descriptor, digest_of, index_of
from tests.support.own_registry import ROOT
from tests.support.waiting import wait_until

KIND = "application/vnd.example.signature"


def test_unreachable_blobs_go_and_the_rest_stays(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository, other = Repository(registry, "app"), Repository(registry, "other")
    kept, document = repository.push_image("v1", layer_count=2)
    gone = repository.push_blob(os.urandom(5000))
    shared = repository.push_blob(os.urandom(100))
    other.push_blob(repository.blob(shared).body)
    removed, _ = repository.push_image("v2")
    repository.ask("DELETE", f"manifests/{removed}")

    plan = registry.collect("--grace=0s", "--dry-run")
    assert f"{gone}\t5000" in plan
    assert "would free" in plan
    assert repository.has_blob(gone), "a plan changes nothing"
    freed = registry.collect("--grace=0s")
    assert _bytes(freed) == _bytes(plan) > 5000
    assert removed in freed
    for digest in (gone, removed, shared):
        assert not registry.blob_path(digest).exists()
    assert not repository.has_blob(gone)
    assert repository.ask("GET", "manifests/v1").body == document
    for layer in repository.ask("GET", f"manifests/{kept}").json()["layers"]:
        assert repository.has_blob(layer["digest"])
    assert _bytes(registry.collect("--grace=0s")) == 0
    for each in (repository, other):
        each.connection.close()


def _bytes(said: str) -> int:
    match = re.search(r"\((\d+) bytes\)", said)
    assert match is not None, said
    return int(match[1])


def test_young_content_stays(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    digest = repository.push_blob(b"its manifest comes in a moment")
    assert _bytes(registry.collect()) == 0
    assert repository.has_blob(digest)
    repository.connection.close()


def test_untagged_manifests_stay_unless_asked(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    _, member = repository.push_image()
    index = index_of([descriptor(member, media_types.OCI_MANIFEST)])
    repository.put("v1", index, media_types.OCI_INDEX)
    about = descriptor(index, media_types.OCI_INDEX)
    signature = repository.artifact(KIND, subject=about)
    repository.put(digest_of(signature), signature, media_types.OCI_MANIFEST)
    loose, _ = repository.push_image()

    registry.collect("--grace=0s")
    assert repository.ask("HEAD", f"manifests/{loose}").status == 200
    assert "1 manifests" in registry.collect("--grace=0s", "--untagged")
    assert repository.ask("HEAD", f"manifests/{loose}").status == 404
    for document in (member, index, signature):
        assert repository.ask("GET", f"manifests/{digest_of(document)}").body == document

    repository.ask("DELETE", "manifests/v1")
    registry.collect("--grace=0s", "--untagged")
    assert repository.ask("GET", f"manifests/{digest_of(index)}").status == 404
    assert [*registry.root.glob("blobs/*/*/*")] == []
    repository.connection.close()


def test_uploads_in_flight_stay_and_stale_ones_go(start_registry: StartRegistry) -> None:
    registry = start_registry()
    repository = Repository(registry, "app")
    stale, fresh = repository.begin(), repository.begin()
    for location in (stale, fresh):
        repository.patch(location, b"abc")
    registry.collect("--grace=0s")
    assert repository.ask("GET", stale).status == 204
    file = registry.root / "uploads" / stale.rpartition("/")[2]
    os.utime(file, (1, 1))
    said = registry.collect("--grace=0s", "--upload-lifetime=0s", "--dry-run")
    assert file.name in said
    # The bytes of the other one are as young as this test: a lifetime of an hour keeps them.
    said = registry.collect("--upload-lifetime=1h")
    assert "0 uploads" in said, "its row says that somebody has just gone on with it"
    assert repository.ask("GET", fresh).status == 204
    registry.collect("--upload-lifetime=0s")
    assert repository.ask("GET", stale).status == 404
    assert not file.exists()
    repository.connection.close()


def test_a_collection_by_the_clock(start_registry: StartRegistry) -> None:
    registry = start_registry("--gc-interval=50ms", "--grace=0s")
    repository = Repository(registry, "app")
    digest = repository.push_blob(b"unreachable")
    wait_until(lambda: not registry.blob_path(digest).exists(), registry.log)
    assert not repository.has_blob(digest)
    repository.connection.close()


def test_collections_do_not_harm_pushes(start_registry: StartRegistry) -> None:
    """Pushes of the same content again and again, while collections take it away."""
    registry = start_registry("--gc-interval=1ms", "--grace=0s")
    repository = Repository(registry, "app")
    data = os.urandom(1000)
    for _ in range(150):
        digest = repository.push_blob(data)
        answer = repository.blob(digest)
        assert answer.status in (200, 404), answer
        if answer.status == 200:
            assert answer.body == data
    assert "Traceback" not in registry.log()
    repository.connection.close()


def test_no_registry_to_collect() -> None:
    command = [sys.executable, "-m", "boxship.entrypoints.registry", "gc", "--root", "/nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (
        1,
        "boxship registry: there is no registry in /nowhere\n",
    )
