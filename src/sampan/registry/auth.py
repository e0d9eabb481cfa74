"""Credentials and tokens (distribution's token specification, docs/spec/auth/token.md; OAuth 2 variant
oauth.md)."""

import base64
import json
import threading
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from sampan.errors import Unauthorized, Unavailable
from sampan.registry import answers
from sampan.registry.hosts import Endpoint
from sampan.registry.http import Http, is_link_local

_BODY_LIMIT = 1 << 20
_TOKEN_LIMIT = 64 << 10


class Credentials(NamedTuple):
    """What the client sent in X-Registry-Auth."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def basic(self) -> str | None:
        if not self.username and not self.password:
            return None
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


ANONYMOUS = Credentials()


class Challenge(NamedTuple):
    scheme: str  # lower case
    parameters: dict[str, str]


class Authorizer:
    """The Authorization header for one repository of one registry, renewed when the registry says 401."""

    def __init__(
        self, http: Http, endpoint: Endpoint, scopes: Sequence[str], credentials: Credentials
    ) -> None:
        self._http = http
        self._endpoint = endpoint
        self._scopes = list(scopes)
        self._credentials = credentials
        self._header: str | None = (
            f"Bearer {credentials.registry_token}" if credentials.registry_token else None
        )
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        header = self._header
        return {"Authorization": header} if header else {}

    def renew(self, challenge: str, sent: str | None) -> None:
        """Answer a 401 to a request that carried `sent`. Another thread may have done so in the meantime."""
        with self._lock:
            if self._header == sent:
                self._header = self._answer(parse_challenge(challenge))

    def _answer(self, challenge: Challenge) -> str | None:
        if challenge.scheme == "basic":
            basic = self._credentials.basic()
            if basic is None:
                raise Unauthorized("no basic auth credentials")
            return basic
        if challenge.scheme == "bearer":
            return "Bearer " + self._token(challenge.parameters)
        raise Unauthorized("unauthorized: authentication required")

    def _token(self, parameters: dict[str, str]) -> str:
        realm = parameters.get("realm", "")
        self._check_realm(realm)
        response = self._request(realm, parameters.get("service", ""))
        body = response.body(_BODY_LIMIT)
        if response.status >= 400:
            raise answers.failure(response.status, body, f'Get "{realm}"')
        try:
            document = json.loads(body)
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            raise Unavailable(f"unable to decode token response of {realm}") from None
        if not isinstance(token, str) or not 0 < len(token) <= _TOKEN_LIMIT or not _is_header_text(token):
            raise Unauthorized(f"authorization server {realm} did not include a token in the response")
        return token

    def _request(self, realm: str, service: str) -> "answers.Answer":
        query: dict[str, str | list[str]] = {"service": service} if service else {}
        if self._scopes:
            query["scope"] = self._scopes
        if self._credentials.identity_token:
            form = {
                **query,
                "scope": " ".join(self._scopes),  # one value here (RFC 6749, 3.3)
                "grant_type": "refresh_token",
                "refresh_token": self._credentials.identity_token,
                "client_id": "sampan",
            }
            return self._http.post(realm, urlencode(form).encode(), "application/x-www-form-urlencoded")
        basic = self._credentials.basic()
        if basic is not None:
            query["account"] = self._credentials.username
        url = realm + ("&" if "?" in realm else "?") + urlencode(query, doseq=True)
        return self._http.get(url, {"Authorization": basic} if basic else {})

    def _check_realm(self, realm: str) -> None:
        """Credentials go where the registry says, but never in the clear, unless it is asked in the clear
        itself."""
        parts = urlsplit(realm)
        loose = self._endpoint.plain or not self._endpoint.verify
        allowed = ("http", "https") if loose else ("https",)
        host = parts.hostname or ""
        if parts.scheme not in allowed or not host or parts.username is not None or is_link_local(host):
            raise Unauthorized(f"refusing the token server {realm!r} of {self._endpoint.host}")


def parse_challenge(header: str) -> Challenge:
    """`Bearer realm="https://…",service="…"`. Of several challenges, Bearer is preferred by those who send
    both."""
    scheme, _, rest = header.strip().partition(" ")
    parameters: dict[str, str] = {}
    position = 0
    while position < len(rest):
        name, equals, _ = rest[position:].partition("=")
        if not equals:
            break
        position += len(name) + 1
        value, position = _value(rest, position)
        parameters.setdefault(name.strip(" ,\t").lower(), value)
    return Challenge(scheme.lower(), parameters)


def _value(text: str, position: int) -> tuple[str, int]:
    if text[position : position + 1] != '"':
        value, _, _ = text[position:].partition(",")
        return value.strip(), position + len(value) + 1
    value = ""
    position += 1
    while position < len(text) and text[position] != '"':
        position += text[position] == "\\"
        value += text[position : position + 1]
        position += 1
    return value, position + 1


def _is_header_text(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
