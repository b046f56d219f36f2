"""Policy as code: a YAML file in, findings out.

    read.py        policy.yml → statements with line numbers, and all mistakes           pure
    checks.py      statements against the catalog: unknown names, shadowed statements    pure
    rows.py        statements → rows of `policy`, `exceptions`, `exception_people`       pure
    rules/         a finding rule per .sql + .yml: severity, question, proposal, budget
    controls/      controls of frameworks, and the rules that are evidence for them
    rules.py       reads both folders
    judge.py       the use of one week against the policy rows: findings, k-safe         SQL
    weeks.py       the relations of a lake that a week is judged from
    simulate.py    another policy over the last 30 days, by the same code
    cases.py       `policy test`: given and expected, by the same code

Nothing here reads a key. Names of people in an exception become tokens in the CLI, which has the key.
"""
