"""Find the final answer in a text, read it, compare it with another.

Found:     thought (parted from the answer), extract (the order of trust) over marked (boxes, formulas, tags, JSON), cues (announcements),
           prose (the last expression).
Read:      glyphs and normalise (one spelling), then read (the grammar of answers) over clauses (pieces, conditions), notations (clocks,
           bases, matrices), relations (equations, sets), quantities (a number with its unit), words; tokens and parse (the grammar of
           expressions). What comes out is in kinds, its expressions in nodes.
Compared:  compare over match (one rule per two kinds), conventions, units, regions, fingerprint and values (exact, or at fixed points),
           symbolic (math-verify, for what is outside the grammar).
Asked:     grade, and `python -m o1exp.answers`.
"""
