"""Reads inputs into the lake. Its modules, those that call others first:

    scan          files: decides which are new, have grown, were interrupted or are known
    capture       a live interface
    follow        log files that grow
    listen        lines that come over sockets

    one_input     the loop over one input: read a batch, process it, commit its tables
    bundles       the same for many small inputs at once
    streams       the same for logs that never end
    batches       how the batches of an input are grouped
    behind        processing on a second thread, while the first reads on

    mixture       one intake and one pipeline for each format in an input
    intake        what is refused, lookups, names of connections: depends on what came earlier in the input
    pipeline      match, roll up, tokenise: may take several inputs at once
    people        the tables about people: leases and directory

    renewal       notices a changed catalog, for capture, follow and listen
    installation  what all inputs of a run share: settings, lake, keys, catalog; makes the parts above
    grown         finds under which identities a file was read when it was smaller
    kernels       compiles what the inputs need before they are read
    summary       counts for the user
    doubts        warnings for the user

What enters is a batch of a source (`sources/interface.py`), what leaves are tables of `schema.py`.
"""
