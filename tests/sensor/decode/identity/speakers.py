"""Messages that tell who holds an address, crafted by scapy."""

from __future__ import annotations

from typing import Any

from scapy.asn1.asn1 import ASN1_GENERAL_STRING, ASN1_INTEGER, ASN1_STRING
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.kerberos import (
    KRB_AS_REP,
    KRB_AS_REQ,
    KRB_ERROR,
    KRB_KDC_REQ_BODY,
    KRB_TGS_REP,
    EncryptedData,
    Kerberos,
    KRB_Ticket,
    PrincipalName,
)
from scapy.layers.l2 import Ether
from scapy.layers.netbios import NBNSHeader, NBNSRegistrationRequest
from scapy.layers.ntlm import NTLM_AUTHENTICATE_V2
from scapy.layers.radius import Radius, RadiusAttribute

from tests.sensor.decode.craft import T0, Frame

CLIENT, SERVER, MAC = "10.1.0.7", "10.1.0.1", "02:00:00:00:00:0a"
REALM = "CORP.EXAMPLE"


def over_udp(data: Any, source: int, target: int, at: float = 0.0, *, sender: str = CLIENT,
             receiver: str = SERVER) -> Frame:  # fmt: skip
    packet = Ether() / IP(src=sender, dst=receiver) / UDP(sport=source, dport=target) / data
    return Frame(bytes(packet), T0 + at)


def over_tcp(data: bytes, source: int, target: int, at: float = 0.0, *, sender: str = CLIENT,
             receiver: str = SERVER) -> Frame:  # fmt: skip
    packet = (
        Ether() / IP(src=sender, dst=receiver) / TCP(sport=source, dport=target, flags="PA", seq=1, ack=1)
    )
    return Frame(bytes(packet / data), T0 + at)


def dhcp(kind: str, address: str = CLIENT, *, mac: str = MAC, ident: int = 7,
         **options: Any) -> bytes:  # fmt: skip
    """A DHCP message: `address` is given by an ack, and given back by a release."""
    reply = kind in ("ack", "offer", "nak")
    head = BOOTP(
        op=2 if reply else 1, xid=ident, chaddr=bytes.fromhex(mac.replace(":", "")),
        yiaddr=address if reply else "0.0.0.0", ciaddr=address if kind == "release" else "0.0.0.0",
    )  # fmt: skip
    return bytes(head / DHCP(options=[("message-type", kind), *options.items(), "end"]))


def principal(*parts: str, kind: int = 1) -> PrincipalName:
    return PrincipalName(
        nameType=ASN1_INTEGER(kind), nameString=[ASN1_GENERAL_STRING(part) for part in parts]
    )


def asked(*parts: str, kind: int = 1) -> bytes:
    """An AS-REQ."""
    body = KRB_KDC_REQ_BODY(
        cname=principal(*parts, kind=kind), realm=ASN1_GENERAL_STRING(REALM),
        sname=principal("krbtgt", REALM, kind=2), etype=[ASN1_INTEGER(18)],
    )  # fmt: skip
    return bytes(Kerberos(root=KRB_AS_REQ(padata=[], reqBody=body)))


def given(*parts: str, service: bool = False) -> bytes:
    """An AS-REP, or the TGS-REP of a service's ticket."""
    secret = EncryptedData(etype=ASN1_INTEGER(18), cipher=ASN1_STRING(b"secret" * 200))
    ticket = KRB_Ticket(
        realm=ASN1_GENERAL_STRING(REALM), sname=principal("krbtgt", REALM, kind=2), encPart=secret
    )
    kind = KRB_TGS_REP if service else KRB_AS_REP
    root = kind(crealm=ASN1_GENERAL_STRING(REALM), cname=principal(*parts), ticket=ticket, encPart=secret)
    return bytes(Kerberos(root=root))


def refused(code: int) -> bytes:
    """A KRB-ERROR as a domain controller writes it: without the account."""
    error = KRB_ERROR(
        errorCode=ASN1_INTEGER(code),
        realm=ASN1_GENERAL_STRING(REALM),
        sname=principal("krbtgt", REALM, kind=2),
    )
    return bytes(Kerberos(root=error))


def sized(message: bytes) -> bytes:
    """A Kerberos message as TCP carries it."""
    return len(message).to_bytes(4, "big") + message


def ntlm(user: str, domain: str = "CORP", workstation: str = "PC-ANN") -> bytes:
    parts = [("DomainName", domain), ("UserName", user), ("Workstation", workstation)]
    message = NTLM_AUTHENTICATE_V2(NegotiateFlags="NEGOTIATE_UNICODE", Payload=parts)
    return bytes(message)


def smb2(blob: bytes) -> bytes:
    """A SESSION_SETUP request ([MS-SMB2] §2.2.5) behind its four bytes of NetBIOS."""
    head = b"\xfeSMB" + (64).to_bytes(2, "little") + bytes(6) + (1).to_bytes(2, "little") + bytes(50)
    body = head + bytes(24) + blob
    return b"\0" + len(body).to_bytes(3, "big") + body


def mdns(host: str, address: str = CLIENT) -> bytes:
    return bytes(DNS(qr=1, aa=1, qd=[], an=[DNSRR(rrname=host, type="A", rdata=address, ttl=120)]))


def llmnr(host: str, address: str = CLIENT) -> bytes:
    return bytes(DNS(qr=1, qd=[DNSQR(qname=host)], an=[DNSRR(rrname=host, type="A", rdata=address)]))


def netbios(host: str, address: str = CLIENT) -> bytes:
    request = NBNSRegistrationRequest(QUESTION_NAME=host, NB_ADDRESS=address, SUFFIX=0x4141)
    return bytes(NBNSHeader(OPCODE=5, QDCOUNT=1, ARCOUNT=1) / request)


def accounting(status: int, **attributes: bytes) -> bytes:
    """An Accounting-Request; attributes are named a1, a8 … by their numbers."""
    told = {int(name[1:]): value for name, value in attributes.items()} | {40: status.to_bytes(4, "big")}
    listed = [RadiusAttribute(type=number, value=value) for number, value in told.items()]
    return bytes(Radius(code=4, attributes=listed))
