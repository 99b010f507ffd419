"""Bulk extraction: millions of receipts with Ray Data, from files and shards to Parquet, without HTTP."""
