"""Small functions that scripts import by Locust's names."""
