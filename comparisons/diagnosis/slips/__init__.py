"""Typical slips: edits of right equations, their kinds and sentences."""
