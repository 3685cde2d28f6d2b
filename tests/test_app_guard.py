"""Who may talk to the app."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import PlainTextResponse

from xenograft.app.guard import Guard

TOKEN, SERVED = "a-token-that-nobody-guesses", "127.0.0.1:8000"


async def _read_all(scope: Any, receive: Any, send: Any) -> None:
    """An app that reads what it is sent, and says how much that was."""
    length = 0
    while (message := await receive())["type"] == "http.request":
        length += len(message["body"])
        if not message["more_body"]:
            await PlainTextResponse(str(length))(scope, receive, send)
            return
    await PlainTextResponse("gone", 400)(scope, receive, send)


def asked(
    guard: Guard, path: str = "/", *, query: str = "", kind: str = "http", body: tuple[bytes, ...] = (b"",),
    **headers: str,
) -> tuple[int, dict[str, str], str]:  # fmt: skip
    """Status (or the code of a closed websocket), headers and text of an answer."""
    scope = {
        "type": kind, "method": "POST", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    waiting = [
        {"type": "http.request", "body": part, "more_body": place + 1 < len(body)} for place, part in enumerate(body)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    if kind == "websocket":
        return sent[0]["code"], {}, ""
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(one.get("body", b"") for one in sent[1:]).decode()


def opened(*, largest: int = 1000, local: bool = True) -> tuple[Guard, str]:
    """A guard, and the cookie that it gives for the token."""
    guard = Guard(_read_all, token=TOKEN, largest=largest, local=local)
    _, headers, _ = asked(guard, query=f"token={TOKEN}", host=SERVED)
    return guard, headers["set-cookie"].partition(";")[0]


def test_the_token_of_the_address_becomes_a_cookie_and_leaves_the_address() -> None:
    guard, cookie = opened()
    status, headers, _ = asked(guard, query=f"token={TOKEN}&study=abc&step=run", host=SERVED)
    assert (status, headers["location"]) == (303, "/?study=abc&step=run")
    assert "HttpOnly" in headers["set-cookie"]
    assert "SameSite=lax" in headers["set-cookie"]
    assert asked(guard, host=SERVED, cookie=cookie)[0] == 200


def test_nothing_is_answered_without_the_token() -> None:
    guard, cookie = opened()
    other, _ = opened()
    name = cookie.partition("=")[0]
    for headers in ({}, {"cookie": f"{name}=guessed"}, {"cookie": f"other={TOKEN}"}):
        for path in ("/", "/websocket/", "/written/abc/report.html", "/lib/shiny/shiny.js"):
            status, _, text = asked(guard, path, host=SERVED, **headers)
            assert (status, "token" in text) == (403, True)
    assert asked(guard, query="token=guessed", host=SERVED)[0] == 403
    assert asked(guard, kind="websocket", host=SERVED)[0] == 1008
    assert asked(other, host=SERVED, cookie=cookie)[0] == 403, "another app on this machine has a cookie of its own"


def test_another_name_and_another_site_are_refused() -> None:
    guard, cookie = opened()
    assert asked(guard, host="evil.example", cookie=cookie)[0] == 403
    for origin in ("https://evil.example", "http://127.0.0.1:9999", "null"):
        assert asked(guard, host=SERVED, cookie=cookie, origin=origin)[0] == 403
        assert asked(guard, kind="websocket", host=SERVED, cookie=cookie, origin=origin)[0] == 1008
    assert asked(guard, host=SERVED, cookie=cookie, origin=f"http://{SERVED}")[0] == 200
    behind_a_proxy, its_cookie = opened(local=False)
    assert asked(behind_a_proxy, host="lab.example", cookie=its_cookie)[0] == 200


def test_a_body_above_the_limit_is_refused_whether_or_not_it_says_its_length() -> None:
    guard, cookie = opened(largest=1000)
    assert asked(guard, host=SERVED, cookie=cookie, content_length="1001")[0] == 413
    assert asked(guard, host=SERVED, cookie=cookie, body=(b"x" * 600, b"x" * 600))[2] == "gone"
    assert asked(guard, host=SERVED, cookie=cookie, body=(b"x" * 600, b"x" * 300))[2] == "900"


def test_pages_may_ask_nobody_else_for_anything() -> None:
    guard, cookie = opened()
    policy = asked(guard, host=SERVED, cookie=cookie)[1]["content-security-policy"]
    for part in ("default-src 'self'", "connect-src 'self'", "frame-ancestors 'self'", "object-src 'none'"):
        assert part in policy
    assert "http" not in policy
