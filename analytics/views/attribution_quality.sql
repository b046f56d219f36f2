SELECT day, site, tied_to, attributed_by, connections_percent, bytes_up_percent, confidence
FROM stored.attribution_quality
ORDER BY day, site, tied_to, attributed_by
