"""Headers that make vendors admit only the organisation's own tenants, for a Squid that decrypts (ssl_bump).

In squid.conf, request_header_access removes what a client sent itself, and request_header_add adds ours. The
header that a service reads is an attribute in the catalog (`tenant_header`), with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analytics.exports.interface import Provenance

#: What an id may hold: nothing that ends a line or a quoted string.
_PRINTABLE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


@dataclass(frozen=True, slots=True, order=True)
class Tenant:
    """A service, the header it reads, and the ids of the tenants to admit ('' if none is set)."""

    app: str
    header: str
    reference: str
    domains: tuple[str, ...]  # '.example.com' with all below it
    ids: str


def squid(tenants: Iterable[Tenant], provenance: Provenance) -> str:
    """The lines for squid.conf; without ids a comment. Raises ValueError for ids that cannot be sent."""
    return "\n".join(_lines(sorted(tenants), provenance)) + "\n"


def _lines(tenants: list[Tenant], provenance: Provenance) -> Iterator[str]:
    yield "# shadowai export squid-tenants: lets only our own tenants in"
    yield f"# catalog {provenance.catalog_version}"
    yield f"# made {provenance.made_at:%Y-%m-%d %H:%M} UTC; make it again after {provenance.expires:%Y-%m-%d}"
    yield "# works on requests that ssl_bump decrypts; the vendor's page says which plans and hosts take part"
    before: dict[str, str] = {}  # header → the lists it is added for, ruled out: one request has it once
    for header in dict.fromkeys(tenant.header for tenant in tenants if tenant.ids):
        yield f"request_header_access {header} deny all"
    for tenant in tenants:
        yield f"# {tenant.app}: {tenant.reference}"
        if not tenant.ids:
            yield f'# {tenant.header}: no ids set; [exports.tenants] "{tenant.app}" = "…"'
            continue
        if not _PRINTABLE.fullmatch(tenant.ids):
            raise ValueError(
                f'[exports.tenants] "{tenant.app}": quotes, backslashes and line ends cannot be sent'
            )
        acl = "shadowai_tenant_" + re.sub(r"\W", "_", tenant.app)
        yield from (f"acl {acl} dstdomain -n {domain}" for domain in tenant.domains)
        others = before.get(tenant.header, "")
        yield f'request_header_add {tenant.header} "{tenant.ids}" {acl}{others}'
        before[tenant.header] = f"{others} !{acl}"
