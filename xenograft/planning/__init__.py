"""The next study: design, allocation, power, calibration, thousands of trials."""
