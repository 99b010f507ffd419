"""Where lines end: words on one row are grouped into segments by what they say and where they stand."""
