"""May an answer be believed, and do the gates pass."""
