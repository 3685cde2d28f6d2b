"""Who may talk to the app: by the token of the address, this machine's name, the size of what is sent, the site."""

from __future__ import annotations

import secrets
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'self'; "
    "object-src 'none'; frame-src 'self'; frame-ancestors 'self'"
)
"""Nothing of a page may ask any other place for anything. Shiny's conditions need eval."""

NO_TOKEN = (
    "This app is for the person who started it. Open the address that it printed when it began: the token is in it.\n"
)
OTHER_NAME = "This app answers under its own address only. Open the one that it printed when it began.\n"
OTHER_SITE = "Another site asked for this. Open the address that the app printed when it began.\n"
TOO_LARGE = "The file is larger than {limit:g} MB. Give one study per table.\n"


class Guard:
    """Everything that arrives passes here first.

    Parameters
    ----------
    app : ASGI application
        What is guarded.
    token : str
        Of the address; kept as a cookie of this app from the first request on.
    largest : int
        Bytes of the largest request body.
    local : bool
        Whether only names of this machine are answered to; False where a proxy stands before the app.
    """

    def __init__(self, app: ASGIApp, *, token: str, largest: int, local: bool) -> None:
        self._app, self._token, self._largest, self._local = app, token, largest, local
        self._cookie = f"xenograft-{secrets.token_hex(4)}"  # cookies know no ports: two apps must not share one

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if isinstance(refusal, Response):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await refusal(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        await self._app(scope, self._measured(receive), _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._local and urlsplit(f"//{host}").hostname not in LOOPBACK:
            return PlainTextResponse(OTHER_NAME, 403)
        if origin is not None and urlsplit(origin).netloc != host:
            return PlainTextResponse(OTHER_SITE, 403)
        asked = parse_qsl(scope["query_string"].decode("latin-1"))
        given = dict(asked).get("token")
        if (
            scope["type"] == "http"
            and given is not None
            and secrets.compare_digest(given.encode(), self._token.encode())
        ):
            rest = urlencode([(name, value) for name, value in asked if name != "token"])
            found = RedirectResponse(scope["path"] + (f"?{rest}" if rest else ""), 303)
            found.set_cookie(self._cookie, self._token, httponly=True, samesite="lax")
            return found
        kept = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        if kept is None or not secrets.compare_digest(kept.value.encode(), self._token.encode()):
            return PlainTextResponse(NO_TOKEN, 403)
        if headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) > self._largest:
            return PlainTextResponse(TOO_LARGE.format(limit=self._largest / 1e6), 413)
        return None

    def _measured(self, receive: Receive) -> Receive:
        """What arrives, up to the largest size; a body that says no length ends there as if the sender had gone."""
        arrived = 0

        async def measured() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            return {"type": "http.disconnect"} if arrived > self._largest else message

        return measured


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {
                b"content-security-policy": POLICY.encode(), b"x-content-type-options": b"nosniff",
                b"referrer-policy": b"no-referrer", b"x-frame-options": b"SAMEORIGIN", b"cache-control": b"no-store",
            }  # fmt: skip
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *((k, v) for k, v in own.items() if k not in there)]
        await send(message)

    return sent
