"""CICFlowMeter's flows, by their titles."""

from __future__ import annotations

from sensor.sources.logs.formats.cicflowmeter import CicflowmeterFormat, CicflowmeterPythonFormat
from tests.sensor.sources.logs.formats.reading import read

TITLES = (
    "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,Tot Bwd Pkts,"
    "TotLen Fwd Pkts,TotLen Bwd Pkts,Label"
)
SHOWN = ("client", "server", "server_port", "bytes_up", "bytes_down", "duration_s")


def test_flows_of_payload_bytes_and_microseconds() -> None:
    flow = "a,10.1.2.3,50000,192.0.2.7,443,6,06/10/2026 01:00:00 PM,1500000,10,12,900.0,22140.0,No Label"
    found = read(CicflowmeterFormat, f"{TITLES}\n{flow}\n")
    assert found.select(SHOWN).rows() == [("10.1.2.3", "192.0.2.7", 443, 900, 22140, 1.5)]
    assert found["seen_at"][0].isoformat() == "2026-10-06T13:00:00+00:00"


def test_a_flow_whose_server_was_seen_first_is_turned() -> None:
    flow = "a,192.0.2.7,443,10.1.2.3,50000,6,06/10/2026 01:00:00 PM,20,{0},1,{1},0,No Label"
    found = read(CicflowmeterFormat, "\n".join([TITLES, flow.format(2, 31), flow.format(1, 0)]))
    assert found.select(SHOWN).rows()[0] == ("10.1.2.3", "192.0.2.7", 443, 0, 31, 2e-05)
    assert found["reason"].to_list() == [None, "set aside: packet of a connection already closed"]


def test_the_long_titles_mean_the_same() -> None:
    titles = (
        "Flow ID, Source IP, Source Port, Destination IP, Destination Port, Protocol, Timestamp, Flow Duration, "
        "Total Fwd Packets, Total Backward Packets,Total Length of Fwd Packets, Total Length of Bwd Packets"
    )
    flow = "a,10.1.2.3,50000,192.0.2.7,53,17,6/10/2026 13:00,1500000,1,1,40,100"
    found = read(CicflowmeterFormat, f"{titles}\n{flow}\n")
    assert found.select(SHOWN).rows() == [("10.1.2.3", "192.0.2.7", 53, 40, 100, 1.5)]


def test_of_the_remake_in_python_the_duration_is_not_read() -> None:
    titles = (
        "src_ip,dst_ip,src_port,dst_port,protocol,timestamp,flow_duration,flow_byts_s,tot_fwd_pkts,tot_bwd_pkts,"
        "totlen_fwd_pkts,totlen_bwd_pkts"
    )
    flow = "10.1.2.3,192.0.2.7,50000,443,6,2026-10-06 10:00:00,1.5,5266.6,10,12,1440,7648"
    found = read(CicflowmeterPythonFormat, f"{titles}\n{flow}\n")
    assert found.select(SHOWN).rows() == [("10.1.2.3", "192.0.2.7", 443, 1440, 7648, None)]
