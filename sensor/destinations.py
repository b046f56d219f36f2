"""The section `[[destinations]]` of the settings: where reports and alerts are sent, and which go where."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_MAIL_ADDRESS = re.compile(r"[^\s<>@]+@[^\s<>@]+|[^<>\r\n]+<[^\s<>@]+@[^\s<>@]+>")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Secret(_Section):
    """Where a password or shared secret is kept: a file or an environment variable, never the settings."""

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("name a file or an environment variable (env), one of the two")
        return self


class Destination(_Section):
    """What every kind of destination has; `kind` tells how to send."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)
    #: the weekly report
    reports: bool = False
    #: the weekly report also as PDF; needs the extra `pdf`
    pdf: bool = False
    #: new findings and silent sensors, between reports
    alerts: bool = False
    #: lowest severity of a finding that is sent as an alert
    level: Literal["low", "medium", "high", "critical"] = "high"
    #: most alerts an hour; those beyond are listed in one letter
    per_hour: int = Field(default=10, ge=1, le=1000)
    #: all alerts of a day in one letter
    digest: bool = False
    #: certificates to trust instead of the system's, PEM
    authority: Path | None = None

    @model_validator(mode="after")
    def _gets_something(self) -> Destination:
        if not (self.reports or self.alerts):
            raise ValueError("gets nothing; set reports = true or alerts = true")
        if self.pdf and not self.reports:
            raise ValueError("pdf is a form of the weekly report; set reports = true")
        return self


class MailDestination(Destination):
    """A mail server."""

    kind: Literal["smtp"]
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    account: str | None = None
    password: Secret | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _keeps_the_password(self) -> MailDestination:
        if self.account is not None and self.tls == "none" and self.host not in _THIS_MACHINE:
            raise ValueError("account without TLS would send the password in the clear")
        for address in (self.sender, *self.recipients):
            if not _MAIL_ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is no mail address")
        return self


class FolderDestination(Destination):
    """A folder that others can read."""

    kind: Literal["folder"]
    path: Path


class WebhookDestination(Destination):
    """An HTTPS endpoint that takes signed JSON."""

    kind: Literal["webhook"]
    url: str
    secret: Secret | None = None
    #: send the report itself too, as base64
    attachments: bool = False

    @model_validator(mode="after")
    def _is_safe(self) -> WebhookDestination:
        address = urlsplit(self.url)
        if address.scheme == "http" and address.hostname in _THIS_MACHINE:
            return self
        if address.scheme != "https" or not address.hostname:
            raise ValueError("url must begin with https:// (http:// only to this machine)")
        return self


class SyslogDestination(Destination):
    """A syslog receiver; alerts only."""

    kind: Literal["syslog"]
    host: str
    port: int = Field(default=514, ge=1, le=65535)
    transport: Literal["udp", "tcp", "tls"] = "udp"
    style: Literal["rfc5424", "cef"] = "rfc5424"

    @model_validator(mode="after")
    def _is_for_lines(self) -> SyslogDestination:
        if self.reports or self.digest:
            raise ValueError("takes single alerts; send reports and digests by mail, folder or webhook")
        return self


AnyDestination = Annotated[
    MailDestination | FolderDestination | WebhookDestination | SyslogDestination, Field(discriminator="kind")
]
