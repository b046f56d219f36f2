"""Sends letters as e-mail (RFC 5321, 5322), over TLS by default."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

from analytics.delivery.letter import DeliveryFailed, Letter, reason

_TIMEOUT_S = 30
#: Header lines may be long (RFC 5322 section 2.1.1: 998). Folded at 78, a subject a little shorter than that
#: would begin on a line of its own, and some readers show the blank it begins with.
_POLICY = SMTP.clone(max_line_length=500)


@dataclass(frozen=True, slots=True)
class Smtp:
    """A mail server, and the recipients."""

    host: str
    sender: str
    recipients: tuple[str, ...]
    port: int = 587
    tls: str = "starttls"  # 'starttls' (RFC 3207), 'tls' from the first byte (RFC 8314), 'none'
    account: str | None = None
    password: str | None = None
    authority: Path | None = None  # certificates to trust instead of the system's, PEM

    def send(self, letter: Letter) -> None:
        """Send one mail to all recipients. Raises DeliveryFailed, for good on a 5xx reply (RFC 5321
        §4.2.1)."""
        mail = message(letter, self.sender, self.recipients)
        try:
            server = self._connect()
            try:
                if self.account is not None:
                    server.login(self.account, self.password or "")
                refused = server.send_message(mail)
            finally:
                _part(server)
        except smtplib.SMTPResponseException as error:
            reply = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else ""
            text = f"{self.host} answered {error.smtp_code} {' '.join(reply.split())}"
            # a wrong password (535) can be put right by the administrator: it is tried again
            lasting = 500 <= error.smtp_code < 600 and not isinstance(error, smtplib.SMTPAuthenticationError)
            raise DeliveryFailed(text, for_good=lasting) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            text = f"{self.host} refused all recipients ({', '.join(map(str, sorted(set(codes))))})"
            raise DeliveryFailed(text, for_good=min(codes, default=0) >= 500) from None
        except smtplib.SMTPException as error:
            raise DeliveryFailed(f"{self.host}: {' '.join(str(error).split())}") from None
        except OSError as error:  # after smtplib's own, which are OSErrors too
            raise DeliveryFailed(reason(error)) from None
        if refused:
            names = ", ".join(sorted(refused))
            raise DeliveryFailed(f"{self.host} took it, but refused {names}", for_good=True)

    def _connect(self) -> smtplib.SMTP:
        trust = ssl.create_default_context(cafile=str(self.authority) if self.authority else None)
        if self.tls == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_TIMEOUT_S, context=trust)
        server = smtplib.SMTP(self.host, self.port, timeout=_TIMEOUT_S)
        if self.tls == "starttls":
            try:
                server.starttls(context=trust)
            except Exception:
                server.close()
                raise
        return server


def _part(server: smtplib.SMTP) -> None:
    """Say goodbye; whatever is answered, mail that was taken was taken."""
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()


def message(letter: Letter, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """The mail of a letter: text, attachments, and headers that keep auto-responders quiet (RFC 3834)."""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = sender
    mail["To"] = ", ".join(recipients)
    mail["Subject"] = " ".join(letter.subject.split())
    mail["Date"] = format_datetime(letter.written_at)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    mail["Message-ID"] = f"<{letter.id}@{domain}>"  # the same letter sent again is known to be the same
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.text, cte="quoted-printable")  # a relay need not take eight bits (RFC 6152)
    for part in letter.attachments:
        main, _, sub = part.media_type.partition("/")
        coded = {"charset": "utf-8"} if main == "text" else None
        mail.add_attachment(part.content, maintype=main, subtype=sub, filename=part.name, params=coded)
    return mail
