"""Kinds that come with CustomResourceDefinitions: accepted, served, converted, and taken away again."""
