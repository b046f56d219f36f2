-- Who held an address when, in the words of the leases. A view: nobody asks about all days at once.
--
-- In:  held (or those of its rows that a day asks about), addresses, words.  Out: a view of the name asked for.
-- A static word about an address falls silent where another device is known to be there.
CREATE OR REPLACE TEMP VIEW $named AS
SELECT i.*, a.site, a.address, u.user_name, u.origin AS user_origin, u.confidence AS user_confidence,
       u.kind = 3 AND NOT i.same_device AS unvouched,
       d.device_name AS device, d.mac_name AS mac, d.origin AS device_origin, d.confidence AS device_confidence,
       CASE WHEN d.kind <> 5 AND COALESCE(COALESCE(s.mac <> d.mac, s.device <> d.device), false) THEN NULL
            ELSE s.user_name END AS static_user,
       s.confidence AS static_confidence,
       h.user_name AS hint_user, h.origin AS hint_origin, h.confidence AS hint_confidence,
       CASE WHEN i.is_shared THEN COALESCE(x.origin, 'recognised') END AS shared_by
FROM $held AS i
JOIN addresses AS a ON a.place = i.place
JOIN words AS u ON u.word = i.user_word
JOIN words AS d ON d.word = i.device_word
JOIN words AS s ON s.word = i.static_word
JOIN words AS h ON h.word = i.hint_word
JOIN words AS x ON x.word = i.share_word
