"""Cleartext HTTP. In: heads, bodies and later messages of connections. Out: hosts, paths, AI servers.

http1.py           head of an HTTP/1 request
http2.py           first request of an HTTP/2 connection
fields.py          header fields that describe an AI server, or carry a key
bodies.py          first bytes of a body: model files, versions of servers
later_messages.py  selects requests and JSON-RPC messages after the first
json_rpc.py        Model Context Protocol and Agent2Agent
"""
