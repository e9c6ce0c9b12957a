"""Spiders are engines (feed, sitemap, wordpress, listing, files), never outlets."""
