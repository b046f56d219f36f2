"""Policy as code: a YAML file in, findings out.

    read.py        policy.yml → statements with line numbers, and every mistake         pure
    checks.py      statements against the catalog: unknown names, shadowed rules         pure
    rows.py        statements → rows of `policy`, `exceptions`, `exception_people`       pure
    rules/         one finding rule per .sql + .yml: severity, question, proposal, budget
    controls/      which controls of which framework and edition a rule is evidence for
    rules.py       reads both folders
    judge.py       one week's use against the policy rows: findings, k-safe               SQL
    weeks.py       what a week is judged from, in a lake
    simulate.py    another policy over the last 30 days, by the same code
    cases.py       `policy test`: given and expected, by the same code

Nothing here reads a key: names of people in an exception become tokens where the key is (the CLI).
"""
