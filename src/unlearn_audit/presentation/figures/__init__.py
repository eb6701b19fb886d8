"""Figures of the report as SVG. Read `drawing` (the surface), then `risk`, `calibration`, `membership`."""
