"""From the columns that a format returns (`logs/fields`) to rows of tables.

finish          cleans times, hosts, accounts and byte counts; makes observations, answers and leases
sessions        joins the lines of a session (opened, updated, closed), so that it counts once
flows           joins the two one-way records of a connection
leases          ends a lease when its address is given up
headers         computes payload where a product counts the bytes of headers, too
records         counts all lines for `coverage`, and those that are not used for `rejects`
"""
