"""The distribution specification 1.1, request by request, against the registry of our own.

Each test of the specification's own suite (opencontainers/distribution-spec, ``conformance``) has
its counterpart here:

=====================================================  ============================================
theirs (groups and names as the suite prints them)     ours
=====================================================  ============================================
ping                                                   test_base
empty / tag list, referrers                            test_an_unknown_repository_has_no_tags,
                                                       test_an_unknown_subject_has_no_referrers
sha256 blobs, sha512 blobs / get-missing               test_a_missing_blob
… / post only                                          test_blob_by_post_alone
… / post+put                                           test_blob_by_post_and_put
… / chunked single, chunked multi                      test_blob_in_pieces
… / chunked multi and put chunk                        test_the_last_piece_may_come_with_put
… / chunked out-of-order (and put chunk)               test_pieces_out_of_order
… / stream                                             test_blob_as_a_stream
… / mount, mount anonymous, mount missing              test_mount, test_mount_from_anywhere,
                                                       test_mount_of_a_missing_blob
… / post cancel                                        test_an_upload_can_be_cancelled
… / range requests (six ranges)                        test_ranges, test_ranges_that_hold_nothing
… / empty, emptyJSON                                   test_tiny_blobs
… / bad digest (post only, post+put, chunked,          test_a_wrong_digest
    chunked and put chunk, stream)
… / blob head, blob get, blob-delete (atomic)          test_blob_by_post_and_put, test_blob_delete
image, image-uncompressed, no-layers, data-field,      test_image
  custom-fields, large-manifest
index, nested-index, empty-index                       test_index, test_nested_index
artifact, artifact-index, artifact-without-layers      test_artifact, test_artifact_index
artifacts-with-subject, index-with-subject             test_referrers, test_referrers_of_an_index
missing-subject                                        test_a_missing_subject
non-distributable-layers                               test_layers_that_live_elsewhere
sha512                                                 test_sha512
tag-param-sha256, tag-param-sha512                     test_tags_by_parameter
bad-digest-image                                       test_a_manifest_with_a_wrong_digest
… / tag-list (last)                                    test_tag_list, test_tag_pages
… / manifest-by-tag, -by-digest (put, head, get)       test_image
… / tag-delete, manifest-delete (atomic)               test_tag_delete, test_manifest_delete
missing-manifest / by-digest, by-tag                   test_a_missing_manifest
invalid-digest-format / manifest-put, manifest-get     test_a_malformed_digest
sparse (off by default)                                test_sparse_manifests_where_they_are_allowed
=====================================================  ============================================
"""

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from boxship.oci import media_types
from tests.support.distribution import (
    EMPTY_CONFIG,
    EMPTY_TYPE,
    Json,
    Repository,
    descriptor,
    digest_of,
    index_of,
    manifest_of,
)
from tests.support.own_registry import OwnRegistry

_NUMBERS = count(1)
KIND = "application/vnd.example.thing.v1"


@pytest.fixture
def repository(own_registry: OwnRegistry) -> Iterator[Repository]:
    """A repository that nothing was ever put into."""
    repository = Repository(own_registry, f"conformance/r{next(_NUMBERS)}")
    yield repository
    repository.connection.close()


@pytest.fixture
def other(own_registry: OwnRegistry) -> Iterator[Repository]:
    """Another repository of the same registry."""
    repository = Repository(own_registry, f"conformance/other{next(_NUMBERS)}")
    yield repository
    repository.connection.close()


@pytest.fixture(params=["sha256", "sha384", "sha512"])
def algorithm(request: pytest.FixtureRequest) -> str:
    """Each digest algorithm."""
    return str(request.param)


def assert_blob(repository: Repository, data: bytes, algorithm: str = "sha256") -> None:
    """The blob is there: by HEAD and by GET, with all of its headers."""
    digest = digest_of(data, algorithm)
    for answer, body in (
        (repository.ask("HEAD", f"blobs/{digest}"), b""),
        (repository.blob(digest), data),
    ):
        assert (answer.status, answer.body) == (200, body)
        assert answer.headers["content-length"] == str(len(data))
        assert answer.headers["docker-content-digest"] == digest
        assert answer.headers["etag"] == f'"{digest}"'


def test_base(repository: Repository) -> None:
    for path in ("/v2/", "/v2"):
        for method in ("GET", "HEAD"):
            answer = repository.ask(method, path)
            assert answer.status == 200
            assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


# Blobs


def test_a_missing_blob(repository: Repository, algorithm: str) -> None:
    answer = repository.blob(digest_of(os.urandom(16), algorithm))
    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")


def test_blob_by_post_alone(repository: Repository, algorithm: str) -> None:
    data = os.urandom(512)
    digest = digest_of(data, algorithm)
    answer = repository.ask("POST", "blobs/uploads/", data, digest=digest)
    assert answer.status == 201
    assert answer.headers["docker-content-digest"] == digest
    assert repository.ask("GET", answer.headers["location"]).body == data
    assert_blob(repository, data, algorithm)


def test_blob_by_post_and_put(repository: Repository, algorithm: str) -> None:
    data = os.urandom(512)
    digest = digest_of(data, algorithm)
    answer = repository.ask("PUT", repository.begin(), data, digest=digest)
    assert answer.status == 201
    assert repository.ask("GET", answer.headers["location"]).body == data
    assert_blob(repository, data, algorithm)


def test_blob_in_pieces(repository: Repository, algorithm: str) -> None:
    data = os.urandom(3000)
    location = repository.begin()
    for start in (0, 1024, 2048):
        answer = repository.patch(location, data[start : start + 1024], start)
        assert answer.status == 202
        assert answer.headers["range"] == f"0-{min(start + 1024, 3000) - 1}"
        location = answer.headers["location"]
    answer = repository.ask("PUT", location, b"", digest=digest_of(data, algorithm))
    assert answer.status == 201
    assert_blob(repository, data, algorithm)


def test_the_last_piece_may_come_with_put(repository: Repository, algorithm: str) -> None:
    data = os.urandom(2000)
    location = repository.begin()
    location = repository.patch(location, data[:1500], 0).headers["location"]
    answer = repository.ask(
        "PUT",
        location,
        data[1500:],
        {"Content-Range": "1500-1999"},
        digest=digest_of(data, algorithm),
    )
    assert answer.status == 201
    assert_blob(repository, data, algorithm)


def test_pieces_out_of_order(repository: Repository, algorithm: str) -> None:
    data = os.urandom(3000)
    digest = digest_of(data, algorithm)
    location = repository.begin()
    for start in (0, 1000, 2000):
        for wrong in (start + 1, start + 1000):
            answer = repository.patch(location, data[:1000], wrong)
            assert (answer.status, answer.code) == (416, "RANGE_INVALID")
            assert answer.headers["location"] == location
        status = repository.ask("GET", location)
        assert status.status == 204
        assert status.headers["range"] == f"0-{max(0, start - 1)}"
        if start < 2000:
            assert repository.patch(location, data[start : start + 1000], start).status == 202
    refused = repository.ask(
        "PUT", location, data[:1000], {"Content-Range": "0-999"}, digest=digest
    )
    assert refused.status == 416
    last = {"Content-Range": "2000-2999"}
    assert repository.ask("PUT", location, data[2000:], last, digest=digest).status == 201
    assert_blob(repository, data, algorithm)


def test_blob_as_a_stream(repository: Repository, algorithm: str) -> None:
    data = os.urandom(70000)
    location = repository.begin()
    repository.connection.request(
        "PATCH", location, iter([data[:10], data[10:40000], data[40000:]]), encode_chunked=True
    )
    answer = repository.connection.getresponse()
    answer.read()
    assert answer.status == 202
    finished = repository.ask(
        "PUT", answer.headers["Location"], b"", digest=digest_of(data, algorithm)
    )
    assert finished.status == 201
    assert_blob(repository, data, algorithm)


def test_tiny_blobs(repository: Repository, algorithm: str) -> None:
    for data in (b"", b"{}"):
        repository.push_blob(data, algorithm)
        assert_blob(repository, data, algorithm)


def test_an_empty_stream(repository: Repository) -> None:
    location = repository.begin()
    repository.connection.request(
        "PUT", f"{location}?digest={digest_of(b'')}", iter([b""]), encode_chunked=True
    )
    answer = repository.connection.getresponse()
    answer.read()
    assert answer.status == 201
    assert_blob(repository, b"")


def test_mount(repository: Repository, other: Repository, algorithm: str) -> None:
    data = os.urandom(128)
    digest = other.push_blob(data, algorithm)
    answer = repository.ask("POST", "blobs/uploads/", b"", mount=digest, **{"from": other.name})
    assert answer.status == 201
    assert answer.headers["location"] == f"/v2/{repository.name}/blobs/{digest}"
    assert_blob(repository, data, algorithm)


def test_mount_from_anywhere(repository: Repository, other: Repository) -> None:
    data = os.urandom(128)
    digest = other.push_blob(data)
    assert repository.ask("POST", "blobs/uploads/", b"", mount=digest).status == 201
    assert_blob(repository, data)


def test_mount_of_a_missing_blob(repository: Repository, other: Repository, algorithm: str) -> None:
    data = os.urandom(128)
    digest = digest_of(data, algorithm)
    answer = repository.ask("POST", "blobs/uploads/", b"", mount=digest, **{"from": other.name})
    assert answer.status == 202
    location = answer.headers["location"]
    assert repository.ask("PUT", location, data, digest=digest).status == 201
    assert_blob(repository, data, algorithm)


def test_mount_only_from_the_repository_that_is_named(
    repository: Repository, other: Repository
) -> None:
    digest = other.push_blob(os.urandom(128))
    query = {"mount": digest, "from": "conformance/nobody"}
    assert repository.ask("POST", "blobs/uploads/", b"", **query).status == 202


def test_an_upload_can_be_cancelled(repository: Repository) -> None:
    location = repository.begin()
    assert repository.patch(location, b"abc").status == 202
    assert repository.ask("DELETE", location).status == 204
    for method in ("GET", "PATCH", "DELETE"):
        answer = repository.ask(method, location)
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=500-1499", 500, 1500),
        ("bytes=500-", 500, 2048),
        ("bytes=-500", 1548, 2048),
        ("bytes=2000-5000", 2000, 2048),
        ("bytes=0-0", 0, 1),
        ("bytes=-5000", 0, 2048),
    ],
)
def test_ranges(repository: Repository, header: str, start: int, end: int) -> None:
    data = os.urandom(2048)
    answer = repository.blob(repository.push_blob(data), Range=header)
    assert (answer.status, answer.body) == (206, data[start:end])
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/2048"


@pytest.mark.parametrize("header", ["bytes=500-0", "bytes=5000-10000", "bytes=2048-", "bytes=-0"])
def test_ranges_that_hold_nothing(repository: Repository, header: str) -> None:
    answer = repository.blob(repository.push_blob(os.urandom(2048)), Range=header)
    assert (answer.status, answer.code) == (416, "RANGE_INVALID")
    assert answer.headers["content-range"] == "bytes */2048"


@pytest.mark.parametrize("header", ["bytes=0-1,5-9", "lines=1-2", "bytes=x-y", "bytes=-"])
def test_ranges_that_are_not_understood_give_all(repository: Repository, header: str) -> None:
    data = os.urandom(100)
    answer = repository.blob(repository.push_blob(data), Range=header)
    assert (answer.status, answer.body) == (200, data)


def test_range_of_a_known_version(repository: Repository) -> None:
    data = os.urandom(100)
    digest = repository.push_blob(data)
    wanted = {"Range": "bytes=10-19", "If-Range": f'"{digest}"'}
    assert repository.blob(digest, **wanted).body == data[10:20]
    assert repository.blob(digest, **{**wanted, "If-Range": '"another"'}).body == data


def test_what_the_client_has_is_not_sent(repository: Repository) -> None:
    digest = repository.push_blob(b"x" * 100)
    answer = repository.blob(digest, **{"If-None-Match": f'"{digest}"'})
    assert (answer.status, answer.body) == (304, b"")
    image, _ = repository.push_image("v1")
    for method in ("GET", "HEAD"):
        path, headers = "manifests/v1", {"If-None-Match": f'"{image}"'}
        answer = repository.ask(method, path, None, headers)
        assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize("way", ["post only", "post+put", "chunked", "put chunk", "stream"])
def test_a_wrong_digest(repository: Repository, algorithm: str, way: str) -> None:
    data, wrong = os.urandom(100), digest_of(b"something else", algorithm)
    if way == "post only":
        answer = repository.ask("POST", "blobs/uploads/", data, digest=wrong)
    else:
        location = repository.begin()
        head = {"post+put": b"", "chunked": data, "put chunk": data[:50], "stream": data}[way]
        if head:
            start = None if way == "stream" else 0
            assert repository.patch(location, head, start).status == 202
        answer = repository.ask("PUT", location, data[len(head) :], digest=wrong)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert answer.message == "provided digest did not match uploaded content"
    assert not repository.has_blob(wrong)
    assert not repository.has_blob(digest_of(data, algorithm))


def test_blob_delete(repository: Repository, algorithm: str) -> None:
    digest = repository.push_blob(os.urandom(64), algorithm)
    assert repository.ask("DELETE", f"blobs/{digest}").status == 202
    assert not repository.has_blob(digest)
    answer = repository.ask("DELETE", f"blobs/{digest}")
    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")


def test_blob_delete_leaves_other_repositories(repository: Repository, other: Repository) -> None:
    data = os.urandom(64)
    digest = repository.push_blob(data)
    other.push_blob(data)
    repository.ask("DELETE", f"blobs/{digest}")
    assert_blob(other, data)


# Manifests


def assert_manifest(
    repository: Repository, references: tuple[str, ...], document: bytes, media_type: str
) -> None:
    """The manifest is there under each reference, by HEAD and by GET, as it was sent."""
    for reference in references:
        for method, body in (("HEAD", b""), ("GET", document)):
            answer = repository.ask(method, f"manifests/{reference}")
            assert (answer.status, answer.body) == (200, body)
            assert answer.headers["content-type"] == media_type
            assert answer.headers["content-length"] == str(len(document))
            assert answer.headers["etag"] == f'"{answer.headers["docker-content-digest"]}"'


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"layer_count": 0},
        {"org.example.unknown": {"a": [1, 2]}},
        {"annotations": {f"large-{number}": "A" * 10000 for number in range(390)}},
    ],
    ids=["plain", "no-layers", "custom-fields", "large-manifest"],
)
def test_image(repository: Repository, extra: Json) -> None:
    document = repository.image(**extra)
    digest = digest_of(document)
    answer = repository.put("v1", document, media_types.OCI_MANIFEST)
    assert answer.status == 201
    assert answer.headers["location"] == f"/v2/{repository.name}/manifests/{digest}"
    assert answer.headers["docker-content-digest"] == digest
    assert_manifest(repository, ("v1", digest), document, media_types.OCI_MANIFEST)


def test_data_field(repository: Repository) -> None:
    repository.push_blob(EMPTY_CONFIG)
    config = descriptor(EMPTY_CONFIG, EMPTY_TYPE) | {"data": "e30="}
    document = manifest_of(config, [config])
    assert repository.put("v1", document, media_types.OCI_MANIFEST).status == 201
    assert_manifest(repository, ("v1",), document, media_types.OCI_MANIFEST)


def test_docker_schema_2(repository: Repository) -> None:
    document = repository.image(mediaType=media_types.DOCKER_MANIFEST)
    assert repository.put("v1", document, media_types.DOCKER_MANIFEST).status == 201
    assert_manifest(repository, ("v1",), document, media_types.DOCKER_MANIFEST)
    listed = {"schemaVersion": 2, "mediaType": media_types.DOCKER_INDEX}
    member = descriptor(document, media_types.DOCKER_MANIFEST)
    index = json.dumps(listed | {"manifests": [member]}).encode()
    assert repository.put("v2", index, media_types.DOCKER_INDEX).status == 201
    assert_manifest(repository, ("v2",), index, media_types.DOCKER_INDEX)


def test_a_content_type_with_parameters(repository: Repository) -> None:
    document = repository.image()
    sent_as = f"{media_types.OCI_MANIFEST}; charset=utf-8"
    assert repository.put("v1", document, sent_as).status == 201
    assert_manifest(repository, ("v1",), document, media_types.OCI_MANIFEST)


def test_index(repository: Repository) -> None:
    members = [repository.push_image()[1] for _ in range(2)]
    index = index_of([descriptor(member, media_types.OCI_MANIFEST) for member in members])
    assert repository.put("v1", index, media_types.OCI_INDEX).status == 201
    assert_manifest(repository, ("v1", digest_of(index)), index, media_types.OCI_INDEX)
    empty = index_of([])
    assert repository.put("empty", empty, media_types.OCI_INDEX).status == 201
    assert_manifest(repository, ("empty",), empty, media_types.OCI_INDEX)


def test_nested_index(repository: Repository) -> None:
    _, image = repository.push_image()
    inner = index_of([descriptor(image, media_types.OCI_MANIFEST)])
    assert repository.put(digest_of(inner), inner, media_types.OCI_INDEX).status == 201
    outer = index_of([descriptor(inner, media_types.OCI_INDEX)] * 2)
    assert repository.put("outer", outer, media_types.OCI_INDEX).status == 201
    assert_manifest(repository, ("outer",), outer, media_types.OCI_INDEX)


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.example.model.v1+json",
        "application/vnd.dev.cosign.artifact.sig.v1+json",
        "application/spdx+json",
        "application/vnd.wasm.config.v0+json",
        "application/vnd.cncf.helm.config.v1+json",
    ],
)
def test_artifact(repository: Repository, kind: str) -> None:
    document = repository.artifact(kind)
    assert repository.put("v1", document, media_types.OCI_MANIFEST).status == 201
    assert_manifest(repository, ("v1",), document, media_types.OCI_MANIFEST)


def test_artifact_of_nothing_but_its_kind(repository: Repository) -> None:
    repository.push_blob(EMPTY_CONFIG)
    empty = descriptor(EMPTY_CONFIG, EMPTY_TYPE)
    document = manifest_of(empty, [empty], artifactType=KIND)
    assert repository.put("v1", document, media_types.OCI_MANIFEST).status == 201
    assert_manifest(repository, ("v1",), document, media_types.OCI_MANIFEST)


def test_artifact_index(repository: Repository) -> None:
    member = repository.artifact(KIND)
    assert repository.put(digest_of(member), member, media_types.OCI_MANIFEST).status == 201
    index = index_of([descriptor(member, media_types.OCI_MANIFEST)], artifactType=KIND)
    assert repository.put("v1", index, media_types.OCI_INDEX).status == 201
    assert_manifest(repository, ("v1",), index, media_types.OCI_INDEX)


def test_a_manifest_of_a_kind_of_its_own(repository: Repository) -> None:
    digest = repository.push_blob(b"payload")
    kind = "application/vnd.oci.artifact.manifest.v1+json"
    blob = {"mediaType": KIND, "digest": digest, "size": 7}
    document = json.dumps({"mediaType": kind, "artifactType": KIND, "blobs": [blob]}).encode()
    assert repository.put("v1", document, kind).status == 201
    assert_manifest(repository, ("v1",), document, kind)


def test_layers_that_live_elsewhere(repository: Repository) -> None:
    layer = descriptor(os.urandom(8), "application/vnd.oci.image.layer.nondistributable.v1.tar")
    document = repository.image(layer_count=0)
    value = json.loads(document) | {"layers": [layer | {"urls": ["https://example.com/layer"]}]}
    document = json.dumps(value).encode()
    assert repository.put("v1", document, media_types.OCI_MANIFEST).status == 201
    assert_manifest(repository, ("v1",), document, media_types.OCI_MANIFEST)


def test_sha512(repository: Repository) -> None:
    digest, document = repository.push_image(algorithm="sha512")
    assert_manifest(repository, (digest,), document, media_types.OCI_MANIFEST)
    index = index_of([descriptor(document, media_types.OCI_MANIFEST, "sha512")])
    named = digest_of(index, "sha512")
    answer = repository.put(named, index, media_types.OCI_INDEX)
    assert answer.headers["docker-content-digest"] == named
    assert_manifest(repository, (named,), index, media_types.OCI_INDEX)


@pytest.mark.parametrize("kind", ["sha256", "sha512"])
def test_tags_by_parameter(repository: Repository, kind: str) -> None:
    document = repository.image(algorithm=kind)
    digest = digest_of(document, kind)
    tags = [f"t{number}" for number in range(10)]
    query = "&".join(f"tag={tag}" for tag in tags)
    headers = {"Content-Type": media_types.OCI_MANIFEST}
    answer = repository.ask("PUT", f"manifests/{digest}?{query}", document, headers)
    assert answer.status == 201
    assert answer.headers["oci-tag"].split(", ") == tags
    for tag in tags:
        answer = repository.ask("HEAD", f"manifests/{tag}")
        assert answer.headers["docker-content-digest"] == digest


def test_a_manifest_with_a_wrong_digest(repository: Repository) -> None:
    document = repository.image()
    answer = repository.put(digest_of(document), document + b"  ", media_types.OCI_MANIFEST)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_a_missing_manifest(repository: Repository) -> None:
    repository.push_image("there")
    for reference in ("missing", digest_of(os.urandom(8))):
        for method in ("GET", "DELETE"):
            answer = repository.ask(method, f"manifests/{reference}")
            assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")
        assert repository.ask("HEAD", f"manifests/{reference}").status == 404


def test_a_manifest_of_a_missing_repository(repository: Repository) -> None:
    answer = repository.ask("GET", "manifests/latest")
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


def test_a_malformed_digest(repository: Repository) -> None:
    document = repository.image()
    answer = repository.put("sha256:baddigeststring", document, media_types.OCI_MANIFEST)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    answer = repository.ask("GET", "manifests/sha256:baddigeststring")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_a_manifest_needs_what_it_names(repository: Repository) -> None:
    config = descriptor(os.urandom(8), media_types.OCI_CONFIG)
    answer = repository.put("v1", manifest_of(config, []), media_types.OCI_MANIFEST)
    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")
    assert config["digest"] in answer.message
    member = descriptor(b"no manifest", media_types.OCI_MANIFEST)
    answer = repository.put("v1", index_of([member]), media_types.OCI_INDEX)
    assert (answer.status, answer.code) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_sparse_manifests_where_they_are_allowed(scratch: Path) -> None:
    registry = OwnRegistry(scratch, "--allow-sparse")
    registry.start()
    try:
        repository = Repository(registry, "sparse")
        config = descriptor(os.urandom(8), media_types.OCI_CONFIG)
        document = manifest_of(config, [])
        assert repository.put("v1", document, media_types.OCI_MANIFEST).status == 201
        assert_manifest(repository, ("v1",), document, media_types.OCI_MANIFEST)
        repository.connection.close()
    finally:
        registry.stop()


def test_tag_delete(repository: Repository) -> None:
    digest, document = repository.push_image("one")
    assert repository.put("two", document, media_types.OCI_MANIFEST).status == 201
    assert repository.ask("DELETE", "manifests/one").status == 202
    assert repository.ask("HEAD", "manifests/one").status == 404
    assert_manifest(repository, ("two", digest), document, media_types.OCI_MANIFEST)


def test_manifest_delete(repository: Repository) -> None:
    digest, _ = repository.push_image("one")
    assert repository.ask("DELETE", f"manifests/{digest}").status == 202
    for reference in ("one", digest):
        assert repository.ask("HEAD", f"manifests/{reference}").status == 404
    assert repository.ask("GET", "tags/list").json()["tags"] == []


# Discovery


def test_an_unknown_repository_has_no_tags(repository: Repository) -> None:
    answer = repository.ask("GET", "tags/list")
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


def test_tag_list(repository: Repository) -> None:
    _, document = repository.push_image("b")
    for tag in ("a", "C", "_x", "a-1", "a.1"):
        assert repository.put(tag, document, media_types.OCI_MANIFEST).status == 201
    answer = repository.ask("GET", "tags/list")
    wanted = ["C", "_x", "a", "a-1", "a.1", "b"]
    assert answer.json() == {"name": repository.name, "tags": wanted}
    assert "link" not in answer.headers
    assert repository.ask("GET", "tags/list", last="a").json()["tags"] == wanted[3:]
    assert repository.ask("GET", "tags/list", last="zzz").json()["tags"] == []


def test_tag_pages(repository: Repository) -> None:
    document = repository.image()
    wanted = [f"t{number:03}" for number in range(120)]
    query = "&".join(f"tag={tag}" for tag in wanted)
    headers = {"Content-Type": media_types.OCI_MANIFEST}
    repository.ask("PUT", f"manifests/{digest_of(document)}?{query}", document, headers)
    assert _walk(repository, f"/v2/{repository.name}/tags/list?n=50", "tags") == (wanted, 3)
    nothing = repository.ask("GET", "tags/list", n="0")
    assert nothing.json()["tags"] == []
    assert "link" not in nothing.headers
    for bad in ("-1", "x", "1.5", "9" * 30):
        answer = repository.ask("GET", "tags/list", n=bad)
        assert (answer.status, answer.code) == (400, "PAGINATION_NUMBER_INVALID")


def _walk(repository: Repository, path: str, member: str) -> tuple[list[Any], int]:
    """Follow the Link headers; return all entries and the number of pages."""
    found: list[Any] = []
    for pages in count(1):
        answer = repository.ask("GET", path)
        assert answer.status == 200
        found += answer.json()[member]
        link = answer.headers.get("link", "")
        if not link:
            return found, pages
        assert link.endswith('; rel="next"')
        path = link[1 : link.index(">")]
    raise AssertionError("unreachable")


def test_catalog(repository: Repository, other: Repository) -> None:
    repository.push_image("v1")
    other.push_image("v1")
    other.push_image("v2")
    found, pages = _walk(repository, "/v2/_catalog?n=1", "repositories")
    assert found == sorted(found)
    assert {repository.name, other.name} <= set(found)
    assert pages == len(found)


def test_tags_with_their_digests(repository: Repository) -> None:
    digest, document = repository.push_image("v1", layer_count=2)
    path = f"/v2/_boxship/repositories/{repository.name}/tags"
    (result,) = repository.ask("GET", path).json()["results"]
    value = json.loads(document)
    size = value["config"]["size"] + sum(layer["size"] for layer in value["layers"])
    assert (result["name"], result["digest"], result["size"]) == ("v1", digest, size)


def test_an_unknown_subject_has_no_referrers(repository: Repository) -> None:
    answer = repository.ask("GET", f"referrers/{digest_of(b'?')}")
    assert answer.status == 200
    assert answer.headers["content-type"] == media_types.OCI_INDEX
    assert answer.json() == {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": [],
    }
    bad = repository.ask("GET", "referrers/sha256:bad")
    assert (bad.status, bad.code) == (400, "DIGEST_INVALID")


def _push_referrer(repository: Repository, subject: bytes, kind: str, **extra: object) -> Json:
    """Push an artifact about a manifest; return the descriptor that the list must have."""
    about = descriptor(subject, media_types.OCI_MANIFEST)
    document = repository.artifact(kind, subject=about, **extra)
    answer = repository.put(digest_of(document), document, media_types.OCI_MANIFEST)
    assert answer.headers["oci-subject"] == about["digest"]
    shown = descriptor(document, media_types.OCI_MANIFEST) | {"artifactType": kind}
    return shown | ({"annotations": extra["annotations"]} if "annotations" in extra else {})


def _listed(repository: Repository, subject: bytes, **query: str) -> list[Json]:
    answer = repository.ask("GET", f"referrers/{digest_of(subject)}", **query)
    assert answer.headers.get("oci-filters-applied") == ("artifactType" if query else None)
    found: list[Json] = answer.json()["manifests"]
    return found


def test_referrers(repository: Repository) -> None:
    _, subject = repository.push_image("v1")
    wanted = [
        _push_referrer(repository, subject, kind, annotations={"org.example": "hello"})
        for kind in ("application/vnd.example.a", "application/vnd.example.b")
    ]
    about = descriptor(subject, media_types.OCI_MANIFEST)
    image = repository.image(subject=about)
    assert repository.put("signed", image, media_types.OCI_MANIFEST).status == 201
    kind = {"artifactType": media_types.OCI_CONFIG}
    wanted.append(descriptor(image, media_types.OCI_MANIFEST) | kind)
    wanted.sort(key=lambda item: str(item["digest"]))
    assert _listed(repository, subject) == wanted
    for item in wanted:
        assert _listed(repository, subject, artifactType=item["artifactType"]) == [item]
    assert _listed(repository, subject, artifactType="application/none") == []


def test_referrers_of_an_index(repository: Repository) -> None:
    _, subject = repository.push_image("v1")
    about = descriptor(subject, media_types.OCI_MANIFEST)
    plain = index_of([], subject=about)
    typed = index_of([], subject=about, artifactType=KIND, annotations={"a": "b"})
    for document in (plain, typed):
        answer = repository.put(digest_of(document), document, media_types.OCI_INDEX)
        assert answer.headers["oci-subject"] == about["digest"]
    found = {item["digest"]: item for item in _listed(repository, subject)}
    assert "artifactType" not in found[digest_of(plain)]
    assert found[digest_of(typed)]["artifactType"] == KIND
    assert found[digest_of(typed)]["annotations"] == {"a": "b"}


def test_referrers_in_pages(repository: Repository) -> None:
    _, subject = repository.push_image("v1")
    wanted = [
        _push_referrer(repository, subject, KIND, annotations={"number": str(number)})
        for number in range(5)
    ]
    for extra in ("", f"&artifactType={KIND}"):
        path = f"/v2/{repository.name}/referrers/{digest_of(subject)}?n=2{extra}"
        found, pages = _walk(repository, path, "manifests")
        assert found == sorted(wanted, key=lambda item: str(item["digest"]))
        assert pages == 3


def test_a_missing_subject(repository: Repository) -> None:
    subject = manifest_of(descriptor(b"not here", media_types.OCI_CONFIG), [])
    wanted = _push_referrer(repository, subject, KIND)
    assert _listed(repository, subject) == [wanted]


def test_a_removed_referrer_is_listed_no_more(repository: Repository) -> None:
    _, subject = repository.push_image("v1")
    wanted = _push_referrer(repository, subject, KIND)
    assert repository.ask("DELETE", f"manifests/{wanted['digest']}").status == 202
    assert _listed(repository, subject) == []


def test_the_referrers_tag_of_older_clients(repository: Repository) -> None:
    digest, _ = repository.push_image("v1")
    tag = digest.replace(":", "-")
    index = index_of([])
    assert repository.put(tag, index, media_types.OCI_INDEX).status == 201
    assert_manifest(repository, (tag,), index, media_types.OCI_INDEX)
