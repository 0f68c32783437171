"""Certificate files, judged and explained."""
