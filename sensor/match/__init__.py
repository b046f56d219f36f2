"""The match room: observations and the catalog's indicators in, sightings out. Pure.

`index` holds the indicators in the form lookups need, `match` runs a frame through them, `grade`
says how strong each hit's evidence is, `explain` answers for one name, address or agent.
"""
