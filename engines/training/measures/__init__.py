"""Measures: audio or tokens in, numbers out; what each is worth is in the page of this folder."""
