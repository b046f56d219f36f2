"""Nothing that identifies a person reaches a disk in clear, unless the organisation set it so."""
