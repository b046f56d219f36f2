"""From the columns that a format returns (`logs/fields`) to rows of tables.

finish          types, times, and why a row is no observation; the addresses that lookups were answered with
names           accounts, hosts, addresses and protocols in one spelling
sessions        joins the lines of a session (opened, updated, closed), so that it counts once
flows           joins the two one-way records of a connection
leases          who held which address; a lease ends when its address is given up
headers         computes payload where a product counts the bytes of headers, too
records         counts all lines for `coverage`, and those that are not used for `rejects`
"""
