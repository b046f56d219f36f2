"""Makes marts, views and reports from a lake.

It only reads what the sensor wrote to the lake, and never imports `sensor`: a sensor can run on a small
machine that only writes Parquet, and a report can be made on a laptop a year later.

    refresh                      brings marts and views up to date; what the command line calls
    marts                        definitions of the materialised tables, k-safe where they are published
    counting                     builds them: attribution, removal of duplicates, small groups
    publish, stored              the views files that analysts and reports query
    reports, render              reports as pages and files
    policy                       judges use by the organisation's policy
    asof, forget, subject, who   the past, deletion, one person's data, one address explained
    delivery, exports            what is sent to people and to other systems
"""
