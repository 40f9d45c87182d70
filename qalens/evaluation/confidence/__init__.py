"""Thresholds, temperature and calibration."""
