"""Speed as ratios within one run, with the agreement of the results as the check. Machines are noisy: no absolutes."""
