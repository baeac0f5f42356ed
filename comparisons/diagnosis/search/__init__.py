"""The search for the slips that give what somebody claims."""
