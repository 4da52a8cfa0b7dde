"""Decoding on a GPU: keys and values in pages, one captured step for all rows, and rows that come and go while others are written."""
