"""How documents come in: a Scrapy project that knows nothing of what they mean."""
