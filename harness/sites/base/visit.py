"""One request to a site: its session, its form, and the page or redirect that answers. Never trusts what was sent."""

from urllib.parse import parse_qs

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from harness.sites.base.sessions import Session
from harness.sites.base.site import BASE, Site

# Far above anything that a person types, far below what would make a page that a browser chokes on.
MOST_BYTES = 1_000_000
MOST_FIELDS = 2000


class NotHere(HTTPException):
    """There is nothing at this address; the sentence says what was looked for."""

    def __init__(self, sentence: str) -> None:
        super().__init__(404, sentence)


class Form:
    """What a form sent: text with plain line ends."""

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


def templates(site: Site) -> Environment:
    """Templates of the site, then the shared ones. Everything is escaped."""
    folders = [FileSystemLoader(site.folder / "templates"), FileSystemLoader(BASE / "templates")]
    made = Environment(
        loader=ChoiceLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals.update(site=site, **site.shared)
    return made


class Visit:
    """A request with its session."""

    def __init__(self, request: Request, session: Session, site: Site, pages: Environment) -> None:
        self.request = request
        self.session = session
        self.state = session.state
        self._site = site
        self._pages = pages

    def asked(self, name: str, default: str = "") -> str:
        """A value from the address."""
        return self.request.query_params.get(name, default)

    @property
    def address(self) -> tuple[str, str]:
        """Path and query as they were asked for."""
        return str(self.request.scope["path"]), self.request.scope["query_string"].decode("ascii", "replace")

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    async def form(self) -> Form:
        """The form that was sent; too much of it is a page that says so."""
        data = bytearray()
        try:
            async for chunk in self.request.stream():
                # Read to its end even then: a browser that is cut off while it sends shows no page at all.
                if len(data) <= MOST_BYTES:
                    data += chunk
        except ClientDisconnect:
            # A browser that was ended while it sent; half a form is none.
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

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page."""
        notice, alert = self.session.told()
        said = {"notice": notice, "alert": alert, **self._site.frame(self.state), **values}
        return HTMLResponse(self._pages.get_template(template).render(said), status_code=status)

    def go(self, to: str, *, notice: str = "", alert: str = "") -> Response:
        """On to another page of this site, which says the notice or the alert: reloading it repeats nothing."""
        self.session.notice, self.session.alert = notice, alert
        return RedirectResponse(to, status_code=303)
