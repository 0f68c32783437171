"""The lab in the browser: what the pages of ``lab.web`` do."""
