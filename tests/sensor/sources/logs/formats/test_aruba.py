"""HPE Aruba ClearPass and ArubaOS."""

from __future__ import annotations

from hypothesis import given, settings

from sensor.sources.logs.formats.aruba import ArubaFormat
from sensor.sources.logs.text.reasons import FAILED_SIGN_IN, NO_SIGN_IN
from tests.sensor.sources.logs.formats.reading import HOSTILE, read

ARGUED = [("sekoia-aruba-os.jsonl", 3, "client", "the access point's address, not the client's")]

ACCT = (
    "RADIUS.Acct-Username=ada,RADIUS.Acct-NAS-IP-Address=192.0.2.1,RADIUS.Acct-Framed-IP-Address=10.1.2.3,"
    "RADIUS.Acct-Calling-Station-Id=02005E000007,RADIUS.Acct-Status-Type="
)
HEAD = "<143>2026-11-22 10:00:00,500 10.0.0.5 Radius Acct 11 1 0 "


def test_clearpass_accounting() -> None:
    text = f"{HEAD}{ACCT}Start\n{HEAD}{ACCT}Stop,RADIUS.Acct-Session-Time=600\n"
    found = read(ArubaFormat, text)
    assert found.select("reason", "client", "user_name", "client_mac", "lease_s").rows() == [
        (None, "10.1.2.3", "ada", "02:00:5e:00:00:07", 43_200),
        (None, "10.1.2.3", "ada", "02:00:5e:00:00:07", 600),
    ]
    assert [moment.isoformat() for moment in found["seen_at"]] == [
        "2026-11-22T10:00:00.500000+00:00",
        "2026-11-22T09:50:00.500000+00:00",
    ]


def test_clearpass_in_cef() -> None:
    line = (
        "CEF:0|Aruba Networks|ClearPass|6.11.0|13-1-0|Radius Accounting|0|" + ACCT.replace(",", " ") + "Start"
    )
    (row,) = read(ArubaFormat, "Nov 22 10:00:00 cppm " + line + "\n").rows(named=True)
    assert (row["reason"], row["client"], row["user_name"]) == (None, "10.1.2.3", "ada")


def test_controllers() -> None:
    text = (
        "<141>Nov 22 10:00:00 wlc authmgr[1234]: <522008> <NOTI> |authmgr|  User Authentication Successful: "
        "username=CORP\\ada MAC=02:00:5e:00:00:07 IP=10.1.2.3 role=staff VLAN=7 AP=ap1 SSID=corp\n"
        "<141>Nov 22 10:00:00 wlc stm[4826]: <501199> <NOTI> AP:ap1 <192.0.2.1 02:00:5e:00:00:01>  User "
        "authenticated, mac-02:00:5e:00:00:07, username-ada@example.org, IP-10.1.2.3, method-802.1x, role-staff\n"
        "<141>Nov 22 10:00:00 wlc authmgr[1234]: <522005> <INFO> |authmgr|  MAC=02:00:5e:00:00:07 IP=10.1.2.3 User "
        "entry deleted: reason=idle timeout\n"
        "<141>Nov 22 10:00:00 wlc stm[4826]: <501093> <NOTI> AP:ap1 <192.0.2.1 02:00:5e:00:00:01>  Auth success\n"
    )
    found = read(ArubaFormat, text)
    assert found["reason"].to_list() == [None, None, None, NO_SIGN_IN]
    assert found["closes"].to_list()[:3] == [False, False, True]
    assert found["user_name"].to_list()[:2] == ["CORP\\ada", "ada@example.org"]
    assert found["client"].to_list()[:2] == ["10.1.2.3"] * 2


def test_what_is_no_lease() -> None:
    text = (
        f"{HEAD}Common.Username=ada,Common.Host-MAC-Address=02005E000007\n"
        f"{HEAD}Common.Username=ada,Common.Host-IP-Address=10.1.2.3,Common.Login-Status=REJECT\n"
    )
    assert read(ArubaFormat, text)["reason"].to_list() == [NO_SIGN_IN, FAILED_SIGN_IN]


@settings(max_examples=5, deadline=None)
@given(HOSTILE)
def test_hostile_fields_never_raise(texts: list[str]) -> None:
    log = "".join(f"{HEAD}Common.Username={text}\n" for text in texts)
    assert read(ArubaFormat, log).height >= len(texts)
