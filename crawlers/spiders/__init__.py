"""Spiders are engines (feed, sitemap, wordpress, listing, files, and platforms' interfaces), never outlets."""
