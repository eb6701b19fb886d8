"""Presentation: a record turned into what a page shows, for people. No number is computed here.

Read `page` (all that the templates are given), then `sections/` (one file a section; `contents` numbers them: add one
there), `figures/` (SVG, each with words that say the same) and `wording` (how numbers and names are printed).
"""
