"""Cilium Tetragon."""

from __future__ import annotations

from sensor.sources.logs.formats.tetragon import TetragonFormat
from sensor.sources.logs.text.reasons import NO_CONNECTION
from tests.sensor.sources.logs.formats.reading import read

LINE = (
    '{{"process_kprobe":{{"process":{{"exec_id":"x","binary":"/usr/bin/curl","pod":{{"namespace":"lab","name":"agent-1"}}}},'
    '"function_name":"{}","args":[{{"sock_arg":{{"family":"AF_INET","protocol":"IPPROTO_TCP","saddr":"10.0.0.5","daddr":'
    '"192.0.2.7","sport":40000,"dport":443}}}}],"action":"KPROBE_ACTION_POST"}},"node_name":"n1","time":'
    '"2026-10-06T10:00:00.5Z"}}'
)


def test_connections_of_pods() -> None:
    found = read(TetragonFormat, LINE.format("tcp_connect") + "\n" + LINE.format("tcp_close"))
    assert found["reason"].to_list() == [None, NO_CONNECTION]
    assert found.select("client", "device", "server", "server_port", "transport").row(0) == (
        "10.0.0.5",
        "lab/agent-1",
        "192.0.2.7",
        443,
        "tcp",
    )
