"""The ledger: one YAML file a paper, and the rules which turn rows into outcomes.

`schema` says what an entry may hold, `quantities` reduces one seed's rows to a number, `verdicts`
holds the intervals. Use it through `isomorph.claims`.
"""
