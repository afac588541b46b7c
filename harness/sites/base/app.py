"""The web app of one site: REAL Bench's protocol around the site's own pages.

`/config` starts a new session and `/finish` shows what changed since. The app answers on loopback only and keeps
nothing on disk. Its headers forbid a page to load anything from elsewhere or to send anything there.
"""

import html
import json
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.sites.base.changes import changes, differences
from harness.sites.base.sessions import Session, Sessions
from harness.sites.base.site import Page, Site
from harness.sites.base.visit import BASE, Visit, templates

# Nothing in a page may run or call out, even if a template should ever fail to escape what an agent typed.
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}


class _Edges:
    """Takes `//config` for `/config`, since nearly all task addresses end in a slash, and adds the headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = "/" + scope["path"].lstrip("/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = {**HEADERS, "cache-control": "max-age=3600" if path.startswith("/static/") else "no-store"}
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in more.items())]
            await send(message)

        await self._app({**scope, "path": path}, receive, send_with_headers)


def _finish_page(site: Site, session: Session) -> str:
    """The state as the SDK reads it: JSON in the page's only `<pre>`."""
    data = {
        "initialfinaldiff": changes(session.initial, session.state),
        "differences": differences(session.initial, session.state, site.collections),
    }
    text = json.dumps(data, indent=1, sort_keys=True)
    return f"<!doctype html><title>finish</title><pre>{html.escape(text)}</pre>"


def build_app(site: Site) -> Starlette:
    """The site as an ASGI app with its sessions."""
    sessions = Sessions(site.seed)
    pages = templates(site.folder, {"site": site, **site.shared})

    def remember(response: Response, key: str) -> Response:
        response.set_cookie(site.cookie, key, httponly=True, samesite="lax", path="/")
        return response

    async def config(_: Request) -> Response:
        key, _session = sessions.start()
        return remember(RedirectResponse("/", status_code=303), key)

    async def no_icon(_: Request) -> Response:
        return Response(status_code=204)

    async def finish(request: Request) -> Response:
        session = sessions.find(request.cookies.get(site.cookie))
        if session is None:
            # An empty diff would be graded as an agent that did nothing. Without a `<pre>` the attempt is an error.
            return HTMLResponse("<!doctype html><p>No session: open /config first.</p>", status_code=409)
        return HTMLResponse(_finish_page(site, session))

    def answer(page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            session = sessions.find(request.cookies.get(site.cookie))
            if session is not None:
                return await page.answer(Visit(request, session, pages, site.frame))
            key, session = sessions.start()
            return remember(await page.answer(Visit(request, session, pages, site.frame)), key)

        return endpoint

    async def problem(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else ""
        message = detail if detail not in ("", "Not Found", "Method Not Allowed") else "There is no such page."
        return HTMLResponse(pages.get_template("problem.html").render(message=message), status_code=status)

    static = [site.folder / "static", BASE / "static"]
    routes: list[Route | Mount] = [
        Route("/config", config),
        Route("/finish", finish),
        # Browsers request it by themselves; without an answer their logs would show an error.
        Route("/favicon.ico", no_icon),
        *(Route(p.path, answer(p), methods=list(p.methods)) for p in site.pages),
        Mount("/static/site", StaticFiles(directory=static[0])),
        Mount("/static/base", StaticFiles(directory=static[1])),
    ]
    # With other host names allowed, a page from elsewhere could point its own address here.
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return Starlette(routes=routes, middleware=[Middleware(_Edges), hosts], exception_handlers={HTTPException: problem})
