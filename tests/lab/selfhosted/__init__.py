"""AI servers of one's own, recorded: a module a case, `serve` on one host, `use` on another.

`python -m tests.lab.selfhosted --out pcaps` (root, Linux) records them; what a module needs stands in
requirements.txt and is imported inside its functions, so that the recorder can read the constants:

    STORY      what happens in it
    PACKAGES   whose versions case.yml names
    PROGRAMS   others that must be on the PATH, and the commands that say their versions; absent: none
    PORT       that says the server is up; None: nothing listens
    PLACE      last number of the server's address, of no other case
    TELLS      rows that `sightings` must have, as far as columns are given; `server` is the case's own
    FINDINGS   rules that must find something about the case's server, and no others
"""
