SELECT event_id, seen_at, duration_s, sensor, vantage, source, input, kind, grade, action, site,
       segment, server_segment, client_scope, server_scope, client, client_port, client_mac, user_name, device,
       host, name_from, path, method, status, user_agent, model, mcp_methods, mcp_version, mcp_client, mcp_server, mcp_tools,
       credential, key_type, key_print, decrypted, streamed, server_version, repository, revision, model_file, model_format, format_from,
       hands_over, ja4, client_class,
       stream_like, judged_turns, stream_turns, stream_units, stream_unit_bytes, stream_spread, stream_gap_ms,
       server, server_port, transport, tunnel, bytes_up, bytes_down, wire_bytes_up, wire_bytes_down, packets_up,
       packets_down, lost_bytes, connection, flow, community_id, started_at, slice, connections, requests,
       lookups, hunted, signature, app, access, role, confidence, catalog_version
FROM stored.sightings
