"""Every number the field reports, as a function of curves or of readings: no fit, no card, no drawing."""
