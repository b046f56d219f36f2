"""Flow records as text."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl

from sensor.sources.logs.formats.netflow import NetflowFormat
from sensor.sources.logs.text.reasons import NO_PORTS, NO_TIME, SUMMARY
from tests.sensor.sources.logs.formats.reading import read

OLD = "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out\n"
NEW = "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,flows\n"


def test_nfdump_with_old_and_new_heads() -> None:
    old = (
        OLD
        + "2026-10-06 10:00:00,2026-10-06 10:00:05,5.000,10.1.2.3,192.0.2.7,40000,443,TCP,.AP.SF,0,0,9,900,0,0,1,2\n"
    )
    new = NEW + "2026-10-06 10:00:00.000,5.000,TCP,10.1.2.3,40000,192.0.2.7,443,9,900,1\n"
    for text in (old, new):
        row = read(NetflowFormat, text).row(0, named=True)
        assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)
        assert (row["client"], row["server"], row["server_port"], row["transport"]) == (
            "10.1.2.3",
            "192.0.2.7",
            443,
            "tcp",
        )
        assert (row["bytes_up"], row["bytes_down"], row["duration_s"]) == (900, None, 5.0)


def test_answers_are_turned_and_biflows_count_both() -> None:
    text = (
        OLD
        + "2026-10-06 10:00:00,2026-10-06 10:00:05,5.000,192.0.2.7,10.1.2.3,443,40000,TCP,.AP.SF,0,0,9,900,0,0,1,2\n"
        "2026-10-06 10:00:00,2026-10-06 10:00:05,5.000,10.1.2.3,192.0.2.7,40000,443,TCP,.AP.SF,0,0,9,900,7,70,1,2\n"
        "2026-10-06 10:00:00,2026-10-06 10:00:05,5.000,10.1.2.3,192.0.2.7,0,8.0,ICMP,.AP.SF,0,0,9,900,0,0,1,2\n"
        "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n2,1,3,4,5,6\n"
    )
    rows = read(NetflowFormat, text)
    assert rows["client"].to_list()[:2] == ["10.1.2.3"] * 2
    assert (rows["bytes_up"].to_list()[:2], rows["bytes_down"].to_list()[:2]) == ([None, 900], [900, 70])
    assert rows["reason"].to_list() == [None, None, NO_PORTS, SUMMARY, SUMMARY, SUMMARY]


def test_json_of_several_collectors() -> None:
    records = [
        {"type": "FLOW", "t_first": "2026-10-06T10:00:00.000", "t_last": "2026-10-06T10:00:05.000", "proto": 6, "src4_addr": "10.1.2.3",
         "dst4_addr": "192.0.2.7", "src_port": 40000, "dst_port": 443, "in_packets": 9, "in_bytes": 900},
        {"sourceIPv4Address": "10.1.2.3", "destinationIPv4Address": "192.0.2.7", "sourceTransportPort": 40000, "destinationTransportPort": 443,
         "protocolIdentifier": 6, "octetDeltaCount": 900, "packetDeltaCount": 9, "flowStartMilliseconds": 1791280800000, "flowEndMilliseconds": 1791280805000},
        {"type": "SFLOW_5", "time_flow_start_ns": 1791280800000000000, "time_flow_end_ns": 1791280805000000000, "sampling_rate": 100, "src_addr": "10.1.2.3",
         "dst_addr": "192.0.2.7", "src_port": 40000, "dst_port": 443, "proto": "TCP", "bytes": 9, "packets": 1},
        {"TimeReceived": 1791280860, "TimeFlowStart": 1791280800, "TimeFlowEnd": 1791280805, "SrcAddr": "10.1.2.3", "DstAddr": "192.0.2.7",
         "SrcPort": 40000, "DstPort": 443, "Proto": 6, "Bytes": 900, "Packets": 9},
        {"TimeReceived": 1791280800, "TimeFlowStartMs": 1791280800000, "TimeFlowEndMs": 1791280805000, "TimeFlowStart": 1791280801,
         "SrcAddr": "10.1.2.3", "DstAddr": "192.0.2.7", "SrcPort": 40000, "DstPort": 443, "Proto": 6, "Bytes": 900, "Packets": 9},
    ]  # fmt: skip
    rows = read(NetflowFormat, "\n".join(json.dumps(record) for record in records))
    assert rows["seen_at"].unique().to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)]
    assert rows["bytes_up"].to_list() == [900] * 5
    assert rows["duration_s"].to_list() == [5.0] * 5


def test_times_since_the_exporters_start_are_no_times() -> None:
    record = {"IPV4_SRC_ADDR": "10.1.2.3", "IPV4_DST_ADDR": "192.0.2.7", "FIRST_SWITCHED": 662235, "LAST_SWITCHED": 662335, "IN_BYTES": 76,
              "L4_SRC_PORT": 40000, "L4_DST_PORT": 443, "PROTOCOL": 17}  # fmt: skip
    assert read(NetflowFormat, json.dumps(record))["reason"].to_list() == ["no time that can be read"]


def test_what_nfdump_prints() -> None:
    text = (
        "2026-10-06 10:00:00.370     5.000 TCP       10.1.2.3:40000 ->     192.0.2.7:443         9      900     1\n"
        "2026-10-06 10:00:00.370     5.000 UDP   2001:db8::3.40000 ->   2001:db8::7.443       9      900     1\n"
    )
    rows = read(NetflowFormat, text)
    assert rows["client"].to_list() == ["10.1.2.3", "2001:db8::3"]
    assert rows["server_port"].to_list() == [443, 443]
    assert rows["bytes_up"].to_list() == [900, 900]


def test_argus_counts_each_side_and_turns_a_record_round() -> None:
    head = "StartTime,Flgs,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,TotPkts,TotBytes,SrcBytes,DstBytes,State\n"
    text = (
        head
        + "2026-10-06 10:00:00.5, e        ,tcp,10.1.2.3,50000,   ->,192.0.2.7,443,17,6800,1200,5600,FIN\n"
        + "2026-10-06 10:00:00.5, e        ,tcp,192.0.2.8,443,   <-,10.1.2.3,50001,17,6800,5600,1200,FIN\n"
    )
    found = read(NetflowFormat, text).filter(pl.col("reason").is_null())
    assert found.select("client", "server", "server_port", "bytes_up", "bytes_down").rows() == [
        ("10.1.2.3", "192.0.2.7", 443, 1200, 5600),
        ("10.1.2.3", "192.0.2.8", 443, 1200, 5600),
    ]


def test_argus_stamps_have_no_year_and_its_bytes_are_of_frames() -> None:
    """Checked with Argus 5.0."""
    text = (
        "StartTime,LastTime,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,SrcBytes,DstBytes,SrcPkts,DstPkts,State\n"
        "10/06.10:00:00.500000,10/06.10:00:03.500000,tcp,10.1.2.3,50000, ->,192.0.2.7,443,71019,2916,13,12,FIN\n"
        "10/06.10:00:00.500000,10/06.10:00:00.500000,tcp,10.1.2.3,50001, ->,192.0.2.7,443,74,0,1,0,REQ\n"
        "10/06.10:00:00.500000,10/06.10:00:00.500000,man,0,0,,1,1,0,0,1,0,CON\n"
    )
    found = read(NetflowFormat, text).filter(pl.col("offset") > 0)
    assert found["reason"].to_list() == [None, None, NO_PORTS]
    assert found["seen_at"].to_list()[:2] == [datetime(2026, 10, 6, 10, 0, 0, 500_000, UTC)] * 2
    assert found["duration_s"].to_list()[:2] == [3, 0]
    assert found["bytes_up"].to_list()[:2] == [71019 - 13 * 14, 60]
    assert found["bytes_down"].to_list()[:2] == [2916 - 12 * 14, None]


def test_pmacct_prints_a_table() -> None:
    """Checked with pmacct 1.7.8; a stamp of the end may be none."""
    row = "{:<45}  {:<45}  {:<8}  {:<8}  {:<10}  {:<29}  {:<29}  {:<20}  {}\n".format
    text = (
        row(
            "SRC_IP",
            "DST_IP",
            "SRC_PORT",
            "DST_PORT",
            "PROTOCOL",
            "TIMESTAMP_START",
            "TIMESTAMP_END",
            "PACKETS",
            "BYTES",
        )
        + row(
            "10.1.2.3",
            "192.0.2.7",
            50000,
            443,
            "tcp",
            "2026-10-06 10:00:00.500000",
            "0000-00-00 00:00:00.000000",
            13,
            70837,
        )
        + "\nFor a total of: 1 entries\n"
    )
    found = read(NetflowFormat, text).filter(pl.col("offset") > 0)
    assert found["reason"].to_list() == [None, SUMMARY]
    seen = found.row(0, named=True)
    assert seen["seen_at"] == datetime(2026, 10, 6, 10, 0, 0, 500_000, UTC)
    assert (seen["client"], seen["client_port"], seen["server"], seen["server_port"]) == (
        "10.1.2.3",
        50000,
        "192.0.2.7",
        443,
    )
    assert (seen["transport"], seen["bytes_up"], seen["packets_up"]) == ("tcp", 70837, 13)


def test_pmacct_csv() -> None:
    text = (
        "TAG,SRC_IP,DST_IP,SRC_PORT,DST_PORT,PROTOCOL,TIMESTAMP_START,TIMESTAMP_END,PACKETS,FLOWS,BYTES\n"
        "0,10.1.2.3,192.0.2.7,50000,443,tcp,2026-10-06 10:00:00.0,2026-10-06 10:00:05.0,8,1,1200\n"
    )
    (row,) = read(NetflowFormat, text).filter(pl.col("reason").is_null()).iter_rows(named=True)
    assert (row["client"], row["server"], row["server_port"], row["bytes_up"]) == (
        "10.1.2.3",
        "192.0.2.7",
        443,
        1200,
    )
    assert row["duration_s"] == 5.0


def test_what_nfdump_prints_of_both_directions() -> None:
    found = read(
        NetflowFormat,
        "Date first seen          Duration Proto      Src IP Addr:Port          Dst IP Addr:Port   Out Pkt   In Pkt"
        " Out Byte  In Byte Flows\n"
        "2026-10-06 10:00:00.100     5.000 TCP       10.1.2.3:40000 <->      192.0.2.7:443         12        9"
        "    1.2 M      900     2\n"
        "2026-10-06 10:00:00.100     5.000 6         10.1.2.4:40000 <->      192.0.2.7:443  ...AP.SF  0   0"
        "        9        0      900     1\n",
    )
    wanted = ("client", "server_port", "packets_up", "bytes_up", "packets_down", "bytes_down", "duration_s")
    assert found.filter(pl.col("reason").is_null()).select(wanted).rows() == [
        ("10.1.2.3", 443, 9, 900, 12, 1_200_000, 5.0),
        ("10.1.2.4", 443, 9, 900, None, None, 5.0),
    ]


def test_events_of_a_firewall_as_nfdump_prints_them() -> None:
    head = (
        "Date first seen          Event  XEvent Proto      Src IP Addr:Port          Dst IP Addr:Port"
        "     X-Src IP Addr:Port        X-Dst IP Addr:Port   In Byte Out Byte\n"
    )
    ends = "10.1.2.3:40000 ->    192.0.2.7:443   203.0.113.1:40000 ->    192.0.2.7:443"
    found = read(
        NetflowFormat,
        head
        + f"2026-10-06 10:00:00.100  CREATE Ignore TCP   {ends}     0        0\n"
        + f"2026-10-06 10:00:05.100  DELETE User-dele TCP   {ends}     900        7000\n"
        + f"2026-10-06 10:00:06.100  DENIED I-ACL TCP   {ends}     0        0\n"
        + f"2026-10-06 10:00:07.100 INVALID  Ignore TCP   {ends}     300        0\n"
        + f"2026-10-06 10:00:08.100     ADD TCP   {ends}\n",
    )
    wanted = ("bytes_up", "bytes_down", "phase", "one_way", "action")
    assert found.filter(pl.col("reason").is_null()).select(wanted).rows() == [
        (None, None, "begin", False, "allowed"),
        (900, 7000, "end-delta", False, "allowed"),
        (None, None, None, False, "blocked"),
        (300, None, None, True, None),
        (None, None, None, True, None),
    ]
    assert found["client"].drop_nulls().unique().to_list() == ["10.1.2.3"]


def test_elements_by_number_and_elastiflow() -> None:
    numbers = '{"4":6,"7":40000,"8":"10.1.2.3","11":443,"12":"192.0.2.7","1":900,"2":9,"23":7000,"24":12,"22":"1791280800","21":"1791280805"}'
    codex = (
        '{"@timestamp":1791280805000,"flow.start.timestamp":1791280800000,"flow.end.timestamp":1791280805000,'
        '"flow.client.ip.addr":"10.1.2.3","flow.server.ip.addr":"192.0.2.7","flow.client.l4.port.id":40000,'
        '"flow.server.l4.port.id":443,"l4.proto.name":"TCP","flow.client.bytes":900,"flow.server.bytes":7000,'
        '"flow.client.packets":9,"flow.server.packets":12,"flow.bytes":7900}'
    )
    wanted = (
        "client",
        "client_port",
        "server",
        "server_port",
        "bytes_up",
        "bytes_down",
        "packets_down",
        "duration_s",
    )
    found = read(NetflowFormat, f"{numbers}\n{codex}\n")
    row = ("10.1.2.3", 40000, "192.0.2.7", 443, 900, 7000, 12, 5.0)
    assert found.select(wanted).rows() == [row, row]
    assert found["seen_at"].dt.epoch("s").to_list() == [1791280800, 1791280800]


def test_argus_counts_of_both_directions_give_those_of_the_way_back() -> None:
    titles = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes\n"
    stamp = "2026/10/06 10:00:00.123456,1.026539,tcp"
    found = read(
        NetflowFormat,
        f"{titles}{stamp},10.1.2.3,50000,   ->,192.0.2.7,443,FSPA_FSPA,0,0,22,7900,900\n"
        f"{stamp},192.0.2.7,443,   <-,10.1.2.3,50001,FSPA_FSPA,0,0,22,7900,7000\n",
    )
    assert (
        found.select("client", "server", "bytes_up", "bytes_down").rows()
        == [("10.1.2.3", "192.0.2.7", 900, 7000)] * 2
    )


def test_events_of_a_firewall_as_objects() -> None:
    """By name in nfdump's, by number in those of other collectors; a denied one may tell no start."""
    nfdump = {"src4_addr": "10.1.2.3", "dst4_addr": "192.0.2.7", "src_port": 40000, "dst_port": 443, "proto": 6,
              "t_first": "2026-10-06T10:00:00.000", "in_bytes": 0, "out_bytes": 0}  # fmt: skip
    numbered = {"sourceIPv4Address": "10.1.2.4", "destinationIPv4Address": "192.0.2.7", "protocolIdentifier": 6, "firewallEvent": 3,
                "flowStartMilliseconds": 0, "observationTimeMilliseconds": 1791280800000}  # fmt: skip
    records = [
        nfdump | {"event": "CREATE"},
        nfdump | {"event": "DELETE", "in_bytes": 900, "out_bytes": 7000},
        numbered,
    ]
    rows = read(NetflowFormat, "\n".join(json.dumps(record) for record in records))
    assert rows.select("phase", "action", "bytes_up", "bytes_down").rows() == [
        ("begin", "allowed", None, None),
        ("end-delta", "allowed", 900, 7000),
        (None, "blocked", None, None),
    ]
    assert rows["session"].n_unique() == 2
    assert rows["seen_at"].unique().to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)]


def test_logstash_puts_a_record_into_its_own() -> None:
    record = {"ipv4_src_addr": "10.1.2.3", "ipv4_dst_addr": "192.0.2.7", "l4_src_port": 40000, "l4_dst_port": 443, "protocol": 6,
              "in_bytes": 900, "in_pkts": 9, "sampling_interval": 100, "first_switched": "2026-10-06T10:00:00.000Z"}  # fmt: skip
    (row,) = read(
        NetflowFormat,
        json.dumps({"@timestamp": "2026-10-06T10:01:00Z", "netflow": record, "host": "10.0.0.1"}),
    ).rows(named=True)
    assert (row["client"], row["server"], row["bytes_up"], row["reason"]) == (
        "10.1.2.3",
        "192.0.2.7",
        90_000,
        None,
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, tzinfo=UTC)


def test_telegraf_puts_fields_beside_its_tags() -> None:
    """Its records were read by common names: connections without bytes."""
    record = {"dst": "192.0.2.7", "dst_port": 443, "first_switched": 5000, "in_bytes": 900, "in_packets": 9,
              "last_switched": 9000, "protocol": "tcp", "src": "10.1.2.3", "src_port": 40000}  # fmt: skip
    back = record | {
        "dst": "10.1.2.3",
        "dst_port": 40000,
        "in_bytes": 7000,
        "src": "192.0.2.7",
        "src_port": 443,
    }
    rest = {"name": "netflow", "tags": {"host": "c1", "source": "203.0.113.1"}, "timestamp": 1791280800}
    firewall = {"src": "10.1.2.3", "dst": "192.0.2.7", "dst_port": 443, "protocol": "tcp", "initiator_bytes": 90,
                "responder_bytes": 70, "flow_start_ms": 1791280800000, "fw_event": "flow deleted"}  # fmt: skip
    lines = [json.dumps({"fields": fields} | rest) for fields in (record, back, firewall)]
    rows = read(NetflowFormat, "\n".join(lines))
    assert rows.select("client", "server", "server_port", "bytes_up", "bytes_down", "duration_s").rows() == [
        ("10.1.2.3", "192.0.2.7", 443, 900, None, 4.0),
        ("10.1.2.3", "192.0.2.7", 443, None, 7000, 4.0),
        ("10.1.2.3", "192.0.2.7", 443, 90, 70, None),
    ]
    assert rows["observer"].unique().to_list() == ["203.0.113.1"]
    assert rows["phase"].to_list() == [None, None, "end-delta"]
    assert rows["seen_at"].unique().to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)]


def test_ipfixcol2_names_who_numbered_a_field() -> None:
    """Its probes tell names, some padded; an empty one is none."""
    record = {"@type": "ipfix.entry", "iana:sourceIPv4Address": "10.1.2.3", "iana:destinationIPv4Address": "192.0.2.7",
              "iana:sourceTransportPort": 40000, "iana:destinationTransportPort": 443, "iana:protocolIdentifier": "TCP",
              "iana:octetDeltaCount": 900, "iana@reverse:octetDeltaCount@reverse": 7000,
              "iana:flowStartMicroseconds": "2026-10-06T10:00:00.000Z", "iana:flowEndMicroseconds": "2026-10-06T10:00:05.000Z"}  # fmt: skip
    named = [
        {"flowmon:httpHost": "", "flowmon:tlsSni": "chat.example\0\0\0"},
        {"flowmon:httpHost": "\0\0", "cesnet:TLSSNI": "", "cesnet:quicSNI": "chat.example"},
        {},
    ]
    rows = read(NetflowFormat, "\n".join(json.dumps(record | names) for names in named))
    assert rows["host"].to_list() == ["chat.example", "chat.example", None]
    assert rows["name_from"].to_list() == ["sni", "sni", None]
    assert rows.select("bytes_up", "bytes_down", "duration_s").unique().rows() == [(900, 7000, 5.0)]
    assert rows["seen_at"].unique().to_list() == [datetime(2026, 10, 6, 10, tzinfo=UTC)]


def test_a_time_since_the_exporter_started_is_no_date() -> None:
    record = {"IPV4_SRC_ADDR": "10.1.2.3", "IPV4_DST_ADDR": "192.0.2.7", "L4_SRC_PORT": 40000, "L4_DST_PORT": 443, "PROTOCOL": 6,
              "IN_BYTES": 900, "@timestamp": "2026-10-06T10:01:00Z"}  # fmt: skip
    weeks = 1_790_000_000  # 20 days in milliseconds, or seconds of an epoch two weeks before the record
    times = [
        (8_000, 9_500), (1_200_000_000, 1_200_001_500), (weeks, weeks + 1_500), (4_000_000_000, 4_000_001_500),
    ]  # fmt: skip
    records = [record | {"FIRST_SWITCHED": first, "LAST_SWITCHED": last} for first, last in times]
    rows = read(NetflowFormat, "\n".join(map(json.dumps, records)))
    assert rows["seen_at"].unique().to_list() == [datetime(2026, 10, 6, 10, 1, tzinfo=UTC)]
    assert rows["duration_s"].to_list() == [1.5] * 4


def test_an_answer_to_a_translated_address_is_of_the_client_behind_it() -> None:
    numbered = {"4": 6, "1": 900, "323": 1791280800000}
    untranslated = {"225": "0.0.0.0", "226": "0.0.0.0", "227": 0, "228": 0}
    records = [
        {"8": "10.1.2.3", "7": 40000, "12": "192.0.2.7", "11": 443, "225": "203.0.113.1", "226": "192.0.2.7"},
        {"8": "192.0.2.7", "7": 443, "12": "203.0.113.1", "11": 61000, "226": "10.1.2.3", "228": 40000},
        {"8": "192.0.2.7", "7": 443, "12": "10.1.2.3", "11": 40000, **untranslated},
    ]
    rows = read(NetflowFormat, "\n".join(json.dumps(numbered | record) for record in records))
    assert rows.select("client", "client_port", "server", "bytes_up", "bytes_down").rows() == [
        ("10.1.2.3", 40000, "192.0.2.7", 900, None),
        ("10.1.2.3", 40000, "192.0.2.7", None, 900),
        ("10.1.2.3", 40000, "192.0.2.7", None, 900),
    ]


def test_flow_tools_export_tells_when_a_record_was_sent() -> None:
    text = (
        "#:unix_secs,unix_nsecs,sysuptime,exaddr,dpkts,doctets,first,last,engine_type,engine_id,srcaddr,dstaddr,nexthop,input,"
        "output,srcport,dstport,prot,tos,tcp_flags,src_mask,dst_mask,src_as,dst_as\n"
        "1791280811,0,3600000,10.0.0.1,10,900,3590000,3595000,0,0,10.1.2.3,192.0.2.7,0.0.0.0,1,2,51412,443,6,0,27,24,24,0,0\n"
    )
    row = read(NetflowFormat, text).rows(named=True)[-1]
    assert (row["client"], row["server"], row["server_port"], row["transport"]) == (
        "10.1.2.3",
        "192.0.2.7",
        443,
        "tcp",
    )
    assert (row["bytes_up"], row["packets_up"], row["duration_s"], row["observer"]) == (
        900,
        10,
        5,
        "10.0.0.1",
    )
    assert row["seen_at"] == datetime(2026, 10, 6, 10, 0, 11, tzinfo=UTC)


def test_what_nfdump_prints_for_programs() -> None:
    """Checked with its source: 1.6 has seconds and milliseconds apart, IPv4 stands in the last of four numbers."""
    ends = "0|0|0|167838211|40000|0|0|0|3221225991|443|0|0|1|2|27|0|7|900"
    six = "536939960|0|0|5|50000|536939960|0|0|7|443|0|0|1|2|0|0|7|900"
    text = (
        f"2|1791280800007|1791280805012|6|{ends}\n"
        f"2|1791280800|7|1791280805|12|6|{ends}\n"
        f"10|1791280800007|1791280805012|17|{six}\n"
    )
    found = read(NetflowFormat, text)
    there = (datetime(2026, 10, 6, 10, 0, 0, 7000, UTC), 5.005, 443, 900, 7, True)
    assert (
        found.select("seen_at", "duration_s", "server_port", "bytes_up", "packets_up", "one_way").rows()
        == [there] * 3
    )
    assert found.select("client", "client_port", "server", "transport").rows() == [
        ("10.1.2.3", 40000, "192.0.2.7", "tcp"),
        ("10.1.2.3", 40000, "192.0.2.7", "tcp"),
        ("2001:db8::5", 50000, "2001:db8::7", "udp"),
    ]


def test_what_ra_prints_counts_both_directions_as_one() -> None:
    titles = "         StartTime      Flgs  Proto   SrcAddr  Sport   Dir   DstAddr  Dport  TotPkts   TotBytes State\n"
    text = (
        "   1791280800.500000  e           tcp   10.1.2.3.40000     ->   192.0.2.7.443    12   4000   FIN\n"
        "   2026-10-06.10:00:00.500000  e s    tcp   192.0.2.7.443     <-   10.1.2.3.40000    12   4000   CON\n"
        "   10/06.10:00:00.500000  * s t    udp   10.1.2.3.40000    <->   192.0.2.7.https    2   400   CON\n"
        "   10:00:00.500000  e           tcp   10.1.2.3.40000     ->   192.0.2.7.443    12   4000   FIN\n"
    )
    arp = "   1791280800.500000  e           arp   10.1.2.3         who   192.0.2.7        1     60   REQ\n"
    assert read(NetflowFormat, titles + arp)["reason"].to_list()[-1] == NO_PORTS
    found = read(NetflowFormat, titles + text).filter(pl.col("client").is_not_null())
    assert (
        found.select("client", "server", "bytes_up", "bytes_down").rows()
        == [("10.1.2.3", "192.0.2.7", None, None)] * 4
    )
    assert found["server_port"].to_list() == [443, 443, None, 443]
    assert found["seen_at"].to_list()[:3] == [datetime(2026, 10, 6, 10, 0, 0, 500_000, UTC)] * 3
    assert found["reason"].to_list() == [None, None, None, NO_TIME]
