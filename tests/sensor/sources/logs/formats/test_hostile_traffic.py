"""Lines of proxies, firewalls, clouds and collectors, cut and stuffed: whatever comes is read or counted, never raised."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensor.sources.logs.known_formats import all_formats, look_at
from tests.sensor.sources.logs.formats import (
    test_azure_flow,
    test_cato,
    test_checkpoint,
    test_cisco_ftd,
    test_cisco_wsa,
    test_elff,
    test_envoy,
    test_filterlog,
    test_forcepoint,
    test_haproxy,
    test_juniper_srx,
    test_netfilter,
    test_netflow,
    test_netskope,
    test_skyhigh,
    test_sonicwall,
    test_sophos,
    test_stormshield,
    test_vpcflow,
    test_watchguard,
    test_zscaler,
)
from tests.sensor.sources.logs.formats.reading import rows

ASA = "Oct 06 2026 10:00:00 fw : %ASA-6-"
TEXTS = (
    test_elff.HEAD + test_elff.ALLOWED,
    "c-ip=10.1.2.3 cs-host=a.example.com cs-method=GET cs-bytes=5",
    json.dumps({"sourcetype": "zscalernss-web", "event": test_zscaler.WEB}),
    "\t".join(f'{key}="{value}"' for key, value in test_zscaler.WEB.items()),
    test_netskope._FIELDS.replace("|", " "),
    test_netskope._FIELDS.replace("|", ","),
    test_netskope._event(type="page"),
    test_cisco_wsa._line(),
    test_skyhigh.HEAD + test_skyhigh.LINE.format("GET http://a.example.com/p HTTP/1.1", 0),
    test_skyhigh.CLOUD.format("POST", "OBSERVED"),
    test_forcepoint.CEF.format("permitted"),
    '10.1.2.3 - ada [05/10/2026 10:00:00] "GET http://a.example.com HTTP/1.1" 300 - - 512 x',
    '10.1.2.3 - ada [06/Oct/2026:12:00:00 +0200] "GET http://a.example.com/p HTTP/1.1" 200 612 "-" "curl/8"',
    test_haproxy.HEAD + 'in~ out/s1 10/0/30/69/1090 200 2750 - - ---- 1/1/1/1/0 0/0 {a.example.com} {} "GET /p HTTP/1.1"',
    test_envoy.DEFAULT.format("-"),
    ASA + "302014: Teardown TCP connection 1 for outside:192.0.2.7/443 to inside:10.1.2.3/40000 duration 0:01:30 bytes 5 TCP FINs",
    ASA + "106100: access-list in permitted tcp inside/10.1.2.3(40000) -> outside/192.0.2.7(443) hit-cnt 1",
    ASA + "722051: Group <G> User <ada> IP <203.0.113.5> IPv4 Address <10.8.0.5> IPv6 address <::> assigned to session",
    test_cisco_ftd._event(),
    "<134>1 2026-10-06T10:00:00Z gw CheckPoint 1 - [" + "; ".join(f'{k}:"{v}"' for k, v in test_checkpoint.LOG.items()) + "]",
    "|".join(f"{k}={v}" for k, v in test_checkpoint.LOG.items()),
    test_sophos.HEAD + 'log_type="Firewall" log_component="Firewall Rule" log_subtype="Allowed" con_event="Stop" ' + test_sophos.ENDS,
    test_sonicwall.HEAD + 'c=1024 m=537 msg="Connection Closed" ' + test_sonicwall.ENDS + "sent=900 rcvd=70 cdur=60000",
    test_juniper_srx.HEAD + f"RT_FLOW_SESSION_CREATE [junos@2636.1.1.1.2.1 {test_juniper_srx.ENDS}]",
    "RT_FLOW_SESSION_CLOSE: session closed TCP FIN: 10.1.2.3/4->192.0.2.7/443 0x0 x 6 p a b 7 60(5) 47(2) 3 UNKNOWN",
    test_watchguard.LEEF.format("30000151", "Allow", "sent_bytes=900"),
    test_stormshield.HEAD + test_stormshield.ENDS + 'sent=98 rcvd=76 action=pass logtype="connection"',
    "1791280800.3 MX84 urls src=10.1.2.3:40000 dst=192.0.2.7:443 mac=78:7B:8A:CC:05:18 request: UNKNOWN https://a.example.com/...",
    "Oct  6 10:00:00 fw filterlog[1]: " + test_filterlog.FOUR.format("pass"),
    "Oct  6 10:00:00 gw kernel: [UFW BLOCK] " + test_netfilter.PACKET.format("10.1.2.3", "192.0.2.7", "TCP", 40000, 443),
    test_vpcflow.DEFAULT.format("10.1.2.3", "192.0.2.7", 40000, 443, 6, "ACCEPT"),
    '{"category":"AzureFirewallNetworkRule","time":"2026-10-06T10:00:00Z","properties":{"msg":"UDP request from 10.1.2.3:4 to 192.0.2.7:443. Action: Allow. "}}',
    json.dumps(test_azure_flow.NSG),
    json.dumps(test_cato.BASE | {"domain_name": "a.example.com"}),
    test_netflow.OLD + "2026-10-06 10:00:00,2026-10-06 10:00:05,5.000,10.1.2.3,192.0.2.7,40000,443,TCP,.AP,0,0,9,900,0,0,1,2\n",
    '{"sourceIPv4Address":"10.1.2.3","destinationIPv4Address":"192.0.2.7","octetDeltaCount":9,"flowStartMilliseconds":1791280800000}',
)  # fmt: skip
JUNK = st.text(st.sampled_from("\"'\\|=,;: \t{}[]()<>%-/\x00\x1e\x1fé0123456789azAZ"), max_size=6)
CHANGE = st.tuples(st.floats(0, 1), st.floats(0, 1), JUNK)


def _changed(text: str, changes: list[tuple[float, float, str]]) -> str:
    """`text` with pieces cut out and junk put in their place."""
    for here, length, junk in changes:
        start = int(here * len(text))
        text = text[:start] + junk + text[start + int(length * 20) :]
    return text


def test_every_line_is_read_as_it_is() -> None:
    look_at(text.encode() for text in TEXTS)  # all at once, as files are before they are read
    found = [rows(text) for text in TEXTS]
    assert all(one.height and one["reason"].null_count() for one in found)
    assert len({name for one in found for name in one["log_format"]}) >= 24


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(CHANGE, min_size=1, max_size=4), min_size=len(TEXTS), max_size=len(TEXTS)))
def test_no_line_raises(changes: list[list[tuple[float, float, str]]]) -> None:
    text = "\n".join(_changed(text, some) for text, some in zip(TEXTS, changes, strict=True))
    found = rows(text)
    assert set(found["log_format"]) <= {log_format.name for log_format in all_formats()}
    assert found.filter(found["reason"].is_null() & found["seen_at"].is_null()).is_empty()
