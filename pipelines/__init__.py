"""All effects: configuration, storage, crawling runs, processing, tables, export."""
