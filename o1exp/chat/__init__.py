"""Every call to a model goes through here: client, request cache, spend ledger, local servers."""
