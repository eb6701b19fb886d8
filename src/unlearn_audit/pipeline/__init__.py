"""The audit from policy and case to the finished record.

Read `audit`: the product in one page. `external` and `external_models` enter the same page with predictions and models
that were made elsewhere; `remedy_search` chooses among the configurations of a remedy, by validation and then by what
`search_over_pairs` finds on reference models.
"""
