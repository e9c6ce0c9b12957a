"""The web page: reads through pipelines, writes only reviews, visits, corrections and users."""
