"""The model 'scierc' of sept, as data."""
