"""From Results to Responses: JSON by splicing stored bytes, YAML, Tables, metadata only, watch streams, errors."""
