"""One request to a site: its session, its form, and the page or redirect that answers it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from harness.sites.base.changes import Tree
from harness.sites.base.sessions import Session

BASE = Path(__file__).parent

# Far above anything that a person types, far below what would make a page that a browser chokes on.
MOST_BYTES = 1_000_000
MOST_FIELDS = 2000


class NotHere(HTTPException):
    """Nothing is at this address; the sentence says what was looked for."""

    def __init__(self, sentence: str) -> None:
        super().__init__(404, sentence)


class Form:
    """The fields of a submitted form, with plain line ends."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self._fields = fields

    def one(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        return self.all(name)[0] if name in self._fields else default

    def all(self, name: str) -> list[str]:
        """Every value of a field, in the page's order."""
        return [v.replace("\r\n", "\n").replace("\0", "") for v in self._fields.get(name, [])]

    def __contains__(self, name: str) -> bool:
        return name in self._fields


def templates(folder: Path, shared: Mapping[str, Any]) -> Environment:
    """The templates of a site's folder, then those of all sites. Everything is escaped.

    `shared` are the values that every template may use.
    """
    folders = [FileSystemLoader(folder / "templates"), FileSystemLoader(BASE / "templates")]
    environment = Environment(
        loader=ChoiceLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(shared)
    return environment


class Visit:
    """A request with its session.

    Args:
        request: The request.
        session: The visitor's session.
        pages: The templates of the site.
        frame: Makes the values of the frame around a page from the session's state.
    """

    def __init__(
        self, request: Request, session: Session, pages: Environment, frame: Callable[[Tree], dict[str, Any]]
    ) -> None:
        self.request = request
        self.session = session
        self.state = session.state
        self._pages = pages
        self._frame = frame

    def query(self, name: str, default: str = "") -> str:
        """A value of the address's query."""
        return self.request.query_params.get(name, default)

    @property
    def address(self) -> tuple[str, str]:
        """Path and query of the request."""
        return str(self.request.scope["path"]), self.request.scope["query_string"].decode("ascii", "replace")

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    async def form(self) -> Form:
        """The submitted form. Raises HTTPException, whose page says that the form is too long or incomplete."""
        data = bytearray()
        try:
            async for chunk in self.request.stream():
                # Read the rest even then: a browser that is cut off while it sends shows no page at all.
                if len(data) <= MOST_BYTES:
                    data += chunk
        except ClientDisconnect:
            raise HTTPException(400, "The form did not arrive whole.") from None
        if len(data) > MOST_BYTES:
            raise HTTPException(413, "What you sent is too long. Shorten the text and send it again.")
        try:
            fields = parse_qs(
                data.decode("ascii", "replace"),
                keep_blank_values=True,
                errors="replace",
                max_num_fields=MOST_FIELDS,
            )
        except ValueError:
            raise HTTPException(413, "What you sent has too many fields.") from None
        return Form(fields)

    def page(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page made from a template."""
        notice, alert = self.session.take_messages()
        context = {"notice": notice, "alert": alert, **self._frame(self.state), **values}
        return HTMLResponse(self._pages.get_template(template).render(context), status_code=status)

    def redirect(self, to: str, *, notice: str = "", alert: str = "") -> Response:
        """A redirect to another page of this site, which shows the notice or alert. Reloading it repeats nothing."""
        self.session.notice, self.session.alert = notice, alert
        return RedirectResponse(to, status_code=303)
