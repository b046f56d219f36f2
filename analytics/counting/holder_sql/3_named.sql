-- Who held an address when, with names in place of ids. A view, because no query needs all days at once.
--
-- In:  $held (`held`, or the rows of it that a day needs), addresses, statements.  Out: the view $named.
-- A static lease does not apply while another device is known to have the address.
CREATE OR REPLACE TEMP VIEW $named AS
SELECT i.*, a.site, a.address, u.user_name, u.origin AS user_origin, u.confidence AS user_confidence,
       u.kind = 3 AND NOT i.same_device AS unvouched,
       d.device_name AS device, COALESCE(t.mac_name, d.mac_name) AS mac, d.origin AS device_origin,
       d.confidence AS device_confidence,
       CASE WHEN d.kind <> 5 AND COALESCE(COALESCE(s.mac <> d.mac, s.device <> d.device), false) THEN NULL
            ELSE s.user_name END AS static_user,
       s.confidence AS static_confidence,
       h.user_name AS hint_user, h.origin AS hint_origin, h.confidence AS hint_confidence,
       CASE WHEN i.is_shared THEN COALESCE(x.origin, 'recognised') END AS shared_by
FROM $held AS i
JOIN addresses AS a ON a.address_id = i.address_id
JOIN statements AS u ON u.statement = i.user_statement
JOIN statements AS d ON d.statement = i.device_statement
JOIN statements AS s ON s.statement = i.static_statement
JOIN statements AS h ON h.statement = i.hint_statement
JOIN statements AS x ON x.statement = i.share_statement
JOIN statements AS t ON t.statement = i.station_statement
