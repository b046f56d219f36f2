"""DNS. In: messages over UDP or TCP. Out: each query once, and every address in its answers.

tcp.py               messages of a TCP connection
messages.py          header, question and answers
names.py             names in messages
service_bindings.py  addresses; SVCB and HTTPS records
question_types.py    their mnemonics
lookups.py           messages to rows
"""
