"""HTTP/1.1 without IO: what goes out, what comes in, in any segmentation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxship.wire import http1

OK = "HTTP/1.1 200 OK\r\n"


def head_of(text: str) -> http1.ResponseHead:
    head = http1.take_head(bytearray(text.encode() + b"\r\n"))
    assert head is not None
    return head


def decode(head: http1.ResponseHead, data: bytes, step: int, method: str = "GET") -> bytes:
    buffer = bytearray()
    decoder = http1.BodyDecoder(head, method, buffer)
    body = b""
    for start in range(0, len(data), step):
        buffer += data[start : start + step]
        body += decoder.take()
    if not decoder.done:
        decoder.end_of_input()
    assert decoder.done
    return body + bytes(buffer)


def test_a_request_is_encoded() -> None:
    encoded = http1.encode_request("GET", "/v1.51/x?a=b", [("Host", "h"), ("A", "ä")])
    assert encoded == "GET /v1.51/x?a=b HTTP/1.1\r\nHost: h\r\nA: ä\r\n\r\n".encode()


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\rb"])
def test_a_line_break_in_a_field_is_refused(value: str) -> None:
    with pytest.raises(http1.ProtocolError):
        http1.encode_request("GET", "/", [("A", value)])


def test_a_head_is_taken_once_it_is_whole() -> None:
    buffer = bytearray()
    text = b"HTTP/1.1 201 Created\r\nApi-Version: 1.51\r\nX: a\r\nx:b\r\n\r\nrest"
    for byte in text[:-5]:
        assert http1.take_head(buffer) is None
        buffer.append(byte)
    buffer += text[-5:]
    head = http1.take_head(buffer)
    assert head is not None
    assert (head.status, head.reason, head.http_minor) == (201, "Created", 1)
    assert head.headers == {"api-version": "1.51", "x": "a, b"}
    assert buffer == b"rest"


@pytest.mark.parametrize(
    "text",
    [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused(text: str) -> None:
    with pytest.raises(http1.ProtocolError):
        http1.take_head(bytearray(text.encode()))


def test_an_endless_head_is_refused() -> None:
    with pytest.raises(http1.ProtocolError, match="too large"):
        http1.take_head(bytearray(b"HTTP/1.1 200 OK\r\nA: " + b"a" * http1.MAX_HEAD_SIZE))


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        (OK, True),
        (OK + "Connection: close\r\n", False),
        ("HTTP/1.0 200 OK\r\n", False),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", True),
    ],
)
def test_keep_alive(text: str, *, keeps: bool) -> None:
    assert head_of(text).keeps_alive is keeps


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("head", "data", "body"),
    [
        (OK + "Content-Length: 5\r\n", b"hello", b"hello"),
        (OK + "Content-Length: 0\r\n", b"", b""),
        (OK, b"until the end", b"until the end"),
        (
            OK + "Transfer-Encoding: chunked\r\n",
            b"5\r\nhello\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
            b"hello0123456789",
        ),
        ("HTTP/1.1 204 No Content\r\n", b"", b""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n", b"", b""),
    ],
)
def test_bodies(head: str, data: bytes, body: bytes, step: int) -> None:
    assert decode(head_of(head), data, step) == body


def test_bytes_after_the_body_stay_in_the_buffer() -> None:
    buffer = bytearray(b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200")
    decoder = http1.BodyDecoder(head_of(OK + "Transfer-Encoding: chunked\r\n"), "GET", buffer)
    assert decoder.take() == b"hello"
    assert decoder.done
    assert decoder.reusable
    assert buffer == b"HTTP/1.1 200"


def test_a_head_request_has_no_body() -> None:
    head = head_of(OK + "Content-Length: 5\r\n")
    assert http1.BodyDecoder(head, "HEAD", bytearray()).done


def test_an_unbounded_body_makes_the_connection_useless() -> None:
    decoder = http1.BodyDecoder(head_of(OK), "GET", bytearray())
    decoder.end_of_input()
    assert decoder.done
    assert not decoder.reusable


@pytest.mark.parametrize(
    ("head", "data"),
    [
        (OK + "Content-Length: 5\r\n", b"hell"),
        (OK + "Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n"),
        (OK + "Transfer-Encoding: chunked\r\n", b"5\r\nhelloXX0\r\n\r\n"),
        (OK + "Transfer-Encoding: chunked\r\n", b"zz\r\n"),
        (OK + "Transfer-Encoding: chunked\r\n", b"-1\r\n"),
    ],
)
def test_a_broken_body_is_an_error(head: str, data: bytes) -> None:
    with pytest.raises(http1.ProtocolError):
        decode(head_of(head), data, 1000)


@given(st.lists(st.binary(max_size=50)), st.integers(1, 40))
def test_chunks_round_trip(pieces: list[bytes], step: int) -> None:
    data = b"".join(map(http1.encode_chunk, pieces)) + http1.LAST_CHUNK
    assert decode(head_of(OK + "Transfer-Encoding: chunked\r\n"), data, step) == b"".join(pieces)


def test_a_body_that_comes_alone_is_passed_on_as_it_is() -> None:
    decoder = http1.BodyDecoder(head_of(OK + "Content-Length: 10\r\n"), "POST", bytearray())
    received = b"12345"
    assert decoder.pass_on(received) is received
    assert not decoder.done
    assert decoder.pass_on(b"67890next") == b"67890"
    assert decoder.done


def test_chunks_are_passed_on_without_their_frames() -> None:
    head = head_of(OK + "Transfer-Encoding: chunked\r\n")
    decoder = http1.BodyDecoder(head, "POST", bytearray())
    assert decoder.pass_on(b"5\r\n123") == b"123"
    assert decoder.pass_on(b"45\r\n0\r\n\r\n") == b"45"
    assert decoder.done
