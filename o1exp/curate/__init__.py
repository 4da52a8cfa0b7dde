"""Pure steps over problems and examples: which are kept."""
